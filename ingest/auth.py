"""Who may post: signed callback URLs, static tokens, or everybody where that was said."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bus.runtime.settings import IngestSettings
from bus.runtime.settings_names import SettingsError
from schemas.callback import (
    MIN_SECRET_BYTES,
    CallbackError,
    Capability,
    InvalidCredentialError,
    SigningKey,
    parse_keys,
    verify,
)
from schemas.delivery import ANONYMOUS

log = structlog.get_logger()


class UnauthenticatedError(Exception):
    """No method accepts this credential."""


class Method(Protocol):
    """One way to authenticate a sender."""

    def authenticate(self, provider: str, credential: str | None) -> Capability | None:
        """Return what the credential says, None where this method does not accept it."""
        ...


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """Accepts credentials minted with one of the active keys for that provider."""

    keys: Sequence[SigningKey] = field(repr=False)

    def authenticate(self, provider: str, credential: str | None) -> Capability | None:
        """See `Method`. An expired URL is accepted: its result is quarantined, not lost."""
        try:
            return verify(credential or "", provider, self.keys)
        except InvalidCredentialError:
            return None


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """Accepts fixed tokens in the path; they say nothing about the job."""

    digests: Sequence[bytes] = field(repr=False)

    def authenticate(self, provider: str, credential: str | None) -> Capability | None:
        """See `Method`. Every token is compared, so that none is found by timing."""
        del provider
        given = _digest(credential or "")
        found = False
        for digest in self.digests:
            found |= hmac.compare_digest(digest, given)
        return ANONYMOUS if found else None


@dataclass(frozen=True, slots=True)
class Anybody:
    """Accepts everything; said by the operator."""

    def authenticate(self, provider: str, credential: str | None) -> Capability | None:
        """See `Method`."""
        del provider, credential
        return ANONYMOUS


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Any one of the methods suffices."""

    methods: Sequence[Method]

    def authenticate(self, provider: str, credential: str | None) -> Capability:
        """Return what the credential says; raises `UnauthenticatedError`."""
        for method in self.methods:
            capability = method.authenticate(provider, credential)
            if capability is not None:
                return capability
        raise UnauthenticatedError


def authenticator_from(settings: IngestSettings) -> Authenticator:
    """Build the methods of `INGEST__AUTH`; a method without its secret is a `SettingsError`."""
    return Authenticator([_method(name, settings) for name in settings.auth_methods])


def _method(name: str, settings: IngestSettings) -> Method:
    if name == "signed-url":
        return SignedUrl(_signing_keys(settings))
    if name == "token":
        return StaticTokens(_token_digests(settings))
    log.warning("authentication_is_off", hint="anybody who reaches the port can post")
    return Anybody()


def _signing_keys(settings: IngestSettings) -> tuple[SigningKey, ...]:
    text = settings.signing_keys.get_secret_value() if settings.signing_keys else ""
    try:
        keys = parse_keys(text)
    except CallbackError as error:
        raise SettingsError(f"INFERBUS_INGEST__SIGNING_KEYS: {error}") from error
    if not keys:
        raise SettingsError(
            "INFERBUS_INGEST__SIGNING_KEYS is not set: the method signed-url needs id:secret,"
            " make one with `openssl rand -hex 32`"
        )
    return keys


def _token_digests(settings: IngestSettings) -> tuple[bytes, ...]:
    text = settings.tokens.get_secret_value() if settings.tokens else ""
    tokens = [_token(part.strip()) for part in text.split(",") if part.strip()]
    if not tokens:
        raise SettingsError("INFERBUS_INGEST__TOKENS is not set: the method token needs name:token")
    return tuple(_digest(token) for token in tokens)


def _token(text: str) -> str:
    name, colon, token = text.partition(":")
    if not colon or not name:
        raise SettingsError("INFERBUS_INGEST__TOKENS: a token is written name:token")
    if len(token.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"INFERBUS_INGEST__TOKENS: the token {name!r} is shorter than {MIN_SECRET_BYTES}"
            " bytes: make one with `openssl rand -hex 32`"
        )
    return token


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
