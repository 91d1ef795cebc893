"""What a sender shows, and what a method of authentication is."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Protocol

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from schemas.callback import Capability

Headers = CIMultiDictProxy[str] | CIMultiDict[str]


class UnauthenticatedError(Exception):
    """No method accepts what the sender shows."""


class Head(msgspec.Struct, frozen=True):
    """
    What a delivery says before its body is read.

    `credential` is the path's second part, `peer` the address at the connection's other end.
    """

    provider: str
    credential: str | None = None
    headers: Headers = msgspec.field(default_factory=CIMultiDict[str])
    peer: str | None = None

    def __repr__(self) -> str:
        # The credential and the headers are for no log.
        return f"{type(self).__name__}(provider={self.provider!r}, peer={self.peer!r})"

    def single(self, name: str) -> str | None:
        """Return a header's value; None where it is missing or there are several."""
        values = self.headers.getall(name, ())
        return values[0] if len(values) == 1 else None

    def authorization(self, scheme: str) -> str:
        """Return what follows the scheme in the Authorization header, empty without it."""
        given, _, rest = (self.single("Authorization") or "").partition(" ")
        return rest.strip(" ") if given.lower() == scheme else ""


class HeadMethod(Protocol):
    """A way to authenticate by the head alone."""

    def by_head(self, head: Head) -> Capability | None:
        """Return what the sender may say, None where this method does not accept it."""
        ...


class Claim(Protocol):
    """What a head announces and only the body can prove."""

    def holds_for(self, body: bytes) -> Capability | None:
        """Return what the sender may say, None where the body does not prove it."""
        ...


class BodyMethod(Protocol):
    """A way to authenticate that covers the body."""

    def claim(self, head: Head, now_s: float) -> Claim | None:
        """Return what is to be proved, None where the head already fails."""
        ...


class Secrets:
    """Fixed secrets, kept as digests: of one length, whatever theirs."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._digests = [hashlib.sha256(secret).digest() for secret in secrets]

    def hold(self, secret: bytes) -> bool:
        """Tell whether a secret is one of them. All are compared: timing tells nothing."""
        given = hashlib.sha256(secret).digest()
        found = False
        for digest in self._digests:
            found |= hmac.compare_digest(digest, given)
        return found


def raw(text: str) -> bytes:
    """Return the bytes that a path or header arrived as."""
    return text.encode("utf-8", "surrogateescape")


def decode_pair(text: str) -> bytes:
    """Return `user:password`, empty where the text is no base64."""
    try:
        return base64.b64decode(raw(text), validate=True)
    except binascii.Error:
        return b""
