"""What a consumer is to the worker."""

from collections.abc import Callable, Sequence
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


Foresee = Callable[[Batch], None]
"""
Is given the next batch while the one before is being handled; from the thread that reads.

It may prepare what `handle` will do with that batch, if ever, and must wait for nothing.
"""

Handled = Callable[[str, Batch], None]
"""Is told of the consumer and each batch that it has made durable; from the worker's thread."""


def telling(handler: Handler, consumer: str, on_handled: Handled | None) -> Handler:
    """Return the handler, or one that tells of what it has handled; parked records are not."""
    return handler if on_handled is None else _Telling(handler, consumer, on_handled)


class _Telling:
    def __init__(self, handler: Handler, consumer: str, on_handled: Handled) -> None:
        self._handler = handler
        self._consumer = consumer
        self._on_handled = on_handled

    def handle(self, batch: Batch) -> None:
        self._handler.handle(batch)
        self._on_handled(self._consumer, batch)
