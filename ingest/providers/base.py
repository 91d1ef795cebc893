"""What a provider adapter is."""

from typing import Protocol

from schemas.delivery import Delivery
from schemas.event import InferenceEvent


class MalformedDelivery(Exception):  # noqa: N818 - a finding about the sender, not our error
    """
    The body cannot be understood; it is quarantined with its exact bytes.

    `reason` is one of the published words (not-json, no-status, ...), `detail` one line.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Provider(Protocol):
    """Turns what one provider sends into events. Pure: no clock, no I/O."""

    name: str

    def parse(self, delivery: Delivery) -> list[InferenceEvent]:
        """
        Return the events of one delivery, usually one.

        Reads the envelope only; each event carries the body's bytes verbatim. Raises
        `MalformedDelivery`, and nothing else, whatever the bytes are.
        """
        ...
