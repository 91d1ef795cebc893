"""
`standard-webhooks`: an HMAC over the raw body, as the Standard Webhooks specification has it.

The signed bytes are `<webhook-id>.<webhook-timestamp>.<body>`; `webhook-signature` is a list
of `v1,<base64>` separated by spaces, several while a secret is being rotated
(github.com/standard-webhooks/standard-webhooks, spec 1.0.0).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.auth.base import Head, raw
from schemas.callback import Capability
from schemas.delivery import ANONYMOUS

# What all of the specification's own libraries allow, in either direction.
TOLERANCE_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """Accepts bodies signed with one of the provider's secrets."""

    secrets: Mapping[str, Sequence[bytes]] = field(repr=False)

    def claim(self, head: Head, now_s: float) -> "SignatureClaim | None":
        """
        See `BodyMethod`.

        A provider without a secret is treated like one whose signatures are wrong, so that
        nobody learns which providers have one.
        """
        identity, sent_at = head.single("webhook-id"), head.single("webhook-timestamp")
        signatures = _signatures(head.single("webhook-signature") or "")
        if not identity or "." in identity or not signatures or not _is_near(sent_at, now_s):
            return None
        prefix = raw(f"{identity}.{sent_at}.")
        return SignatureClaim(prefix, signatures, self.secrets.get(head.provider, ()))


@dataclass(frozen=True, slots=True)
class SignatureClaim:
    """The signatures a head brings, to be held against the body."""

    prefix: bytes = field(repr=False)
    signatures: Sequence[bytes] = field(repr=False)
    secrets: Sequence[bytes] = field(repr=False)

    def holds_for(self, body: bytes) -> Capability | None:
        """See `Claim`. Every secret is held against every signature."""
        found = False
        for secret in self.secrets:
            expected = sign(secret, self.prefix, body)
            for signature in self.signatures:
                found |= hmac.compare_digest(expected, signature)
        return ANONYMOUS if found else None


def _signatures(text: str) -> list[bytes]:
    """Return the signatures of version 1; other versions and what is none are skipped."""
    parts = (entry.partition(",") for entry in text.split(" "))
    return [raw(signature) for version, _, signature in parts if version == "v1" and signature]


def _is_near(sent_at: str | None, now_s: float) -> bool:
    if sent_at is None or not _TIMESTAMP.fullmatch(sent_at):
        return False
    return abs(now_s - int(sent_at)) <= TOLERANCE_S


def sign(secret: bytes, prefix: bytes, body: bytes) -> bytes:
    """Return the signature, base64, of `<id>.<timestamp>.` and a body."""
    signing = hmac.new(secret, prefix, hashlib.sha256)
    signing.update(body)
    return base64.b64encode(signing.digest())
