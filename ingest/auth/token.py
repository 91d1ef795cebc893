"""`token`: a fixed secret as the last part of the path."""

from dataclasses import dataclass, field

from ingest.auth.base import Head, Secrets, raw
from schemas.callback import Capability
from schemas.delivery import ANONYMOUS


@dataclass(frozen=True, slots=True)
class PathToken:
    """Accepts fixed tokens in the path; they say nothing about the job."""

    tokens: Secrets = field(repr=False)

    def by_head(self, head: Head) -> Capability | None:
        """See `HeadMethod`."""
        return ANONYMOUS if self.tokens.hold(raw(head.credential or "")) else None
