"""What every sink does; `tests/contract/test_sinks.py` holds each of them to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from bus.records import Position
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Quarantined

Content = TypeVar("Content", InferenceEvent, Quarantined)


class Arrived(msgspec.Struct, Generic[Content], frozen=True, gc=False):
    """What a record said, and where it lies."""

    content: Content
    position: Position


@dataclass(frozen=True, slots=True)
class Batch:
    """
    What one batch of records said, by kind, each in the order it was read.

    `prepared` is for the sink alone that has made it.
    """

    events: Sequence[Arrived[InferenceEvent]] = ()
    quarantined: Sequence[Arrived[Quarantined]] = ()
    dead_letters: Sequence[DeadLetter] = ()
    prepared: object = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch changed: the events stored for the first time, and new conflicts."""

    events: Sequence[InferenceEvent] = ()
    conflicts: int = 0


class Sink(Protocol):
    """
    Keeps what the records say. Several processes may write at once.

    Written to from one thread, beside which another one may prepare what comes next.
    """

    def prepare(self, batch: Batch) -> Batch:
        """
        Return the batch with all done that needs no database; `write` does it otherwise.

        Raises `Poison` for a value that can never be stored.
        """
        ...

    def write(self, batch: Batch) -> Written:
        """
        Store the whole batch durably, or raise a verdict and have stored nothing of it.

        The first event stored under an id wins. A repeat changes nothing; other content under
        a stored id is kept as a conflict, once for each body hash. Content is compared by hash,
        then, where both bodies are inline, as JSON with numbers as text. A dead letter parked
        again after its replay counts as not replayed. Raises `Poison` for a value that can
        never be stored, `Transient` for everything that may pass.
        """
        ...
