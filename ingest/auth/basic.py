"""
`basic`: user and password in the header `Authorization: Basic …` (RFC 7617).

A sender makes the header out of `https://user:password@host/…`. Many drop that part of a URL
instead, or refuse it: try the sender before relying on it.
"""

from dataclasses import dataclass, field

from ingest.auth.base import Head, Secrets, decode_pair
from schemas.callback import Capability
from schemas.delivery import ANONYMOUS


@dataclass(frozen=True, slots=True)
class Basic:
    """Accepts fixed pairs `user:password`; they say nothing about the job."""

    pairs: Secrets = field(repr=False)

    def by_head(self, head: Head) -> Capability | None:
        """See `HeadMethod`."""
        return ANONYMOUS if self.pairs.hold(decode_pair(head.authorization("basic"))) else None
