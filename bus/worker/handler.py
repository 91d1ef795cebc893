"""What a consumer is to the worker."""

from collections.abc import Sequence
from typing import Protocol

from bus.records import ReceivedRecord

Batch = Sequence[ReceivedRecord]


class Handler(Protocol):
    """What a consumer does with records."""

    def handle(self, batch: Batch) -> None:
        """
        Make the whole batch durable, or raise a verdict and have kept nothing of it.

        Records come again after crashes and rebalances: handling one twice must change
        nothing. Raises `Transient`, `Poison`, `Backpressure`; anything else stops the worker.
        """
        ...
