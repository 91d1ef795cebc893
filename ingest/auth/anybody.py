"""`none`: everybody may post; said by the operator."""

from ingest.auth.base import Head
from schemas.callback import Capability
from schemas.delivery import ANONYMOUS


class Anybody:
    """Accepts everything."""

    def by_head(self, head: Head) -> Capability | None:
        """See `HeadMethod`."""
        del head
        return ANONYMOUS
