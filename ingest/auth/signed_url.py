"""`signed-url`: a callback URL that one of our keys signed for this provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.auth.base import Head
from schemas.callback import Capability, InvalidCredentialError, SigningKey, verify


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """Accepts credentials minted with one of the active keys for that provider."""

    keys: Sequence[SigningKey] = field(repr=False)

    def by_head(self, head: Head) -> Capability | None:
        """See `HeadMethod`. An expired URL is accepted: its result is quarantined, not lost."""
        try:
            return verify(head.credential or "", head.provider, self.keys)
        except InvalidCredentialError:
            return None
