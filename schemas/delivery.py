"""One webhook call, authenticated, as it arrived."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.callback import Capability

ANONYMOUS = Capability(key_id="", payload_text="")


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One authenticated HTTP call by a provider; the same result may be delivered again.

    `capability` is what its callback URL says, empty for senders that authenticate otherwise.
    `secrets` are what the sender showed; the body may quote them, nothing derived may.
    """

    provider: str
    body: bytes = field(repr=False)
    received_at: datetime
    capability: Capability = field(default=ANONYMOUS, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
