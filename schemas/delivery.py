"""One webhook call, authenticated, as it arrived."""

from datetime import datetime

import msgspec

from schemas.callback import Capability

ANONYMOUS = Capability(key_id="", payload_text="")


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """
    One authenticated HTTP call by a provider; the same result may be delivered again.

    `capability` is what its callback URL says, empty for senders that authenticate otherwise.
    `secrets` are what the sender showed; the body may quote them, nothing derived may.
    """

    provider: str
    body: bytes
    received_at: datetime
    capability: Capability = ANONYMOUS
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # A body and secrets are for no log.
        return f"{type(self).__name__}(provider={self.provider!r}, {len(self.body)} bytes)"
