"""`signed-url`: a callback URL that one of our keys signed for this provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.auth.base import Head
from ingest.remembered import Remembered
from schemas.callback import Capability, InvalidCredentialError, SigningKey, verify

# Some 1 KB each. A job's own URL is seen once, but for what is sent again.
_REMEMBERED = 1024

_Shown = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """
    Accepts credentials minted with one of the active keys for that provider.

    Those that were accepted are remembered: 10 µs saved where one URL is for many jobs. How
    wrong a refused one is shows no more than without: it is looked up by a keyed hash.
    """

    keys: Sequence[SigningKey] = field(repr=False)
    _accepted: Remembered[_Shown, Capability] = field(
        default_factory=lambda: Remembered(_REMEMBERED), init=False, repr=False, compare=False
    )

    def by_head(self, head: Head) -> Capability | None:
        """See `HeadMethod`. An expired URL is accepted: its result is quarantined, not lost."""
        shown = head.provider, head.credential or ""
        known = self._accepted.get(shown)
        if known is not None:
            return known
        try:
            capability = verify(shown[1], head.provider, self.keys)
        except InvalidCredentialError:
            return None
        self._accepted.keep(shown, capability)
        return capability
