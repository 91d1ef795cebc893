"""A spool in memory and a Kafka that answers when it is told to."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bus.errors import BusError
from bus.protocols import Outcome, Tell
from bus.records import Position, Record
from ingest.spool.errors import SpoolError
from ingest.spool.frames import Entry
from ingest.spool.spool import Ref

EVENT_ID = "deepinfra:R{}:succeeded"


def record(number: int = 1, topic: str = "inference.succeeded", value: bytes = b"{}") -> Record:
    headers = (("ce_id", EVENT_ID.format(number).encode()),)
    return Record(topic, f"R{number}".encode(), value, headers)


@dataclass
class MemorySpool:
    """Remembers entries; refuses while `failure` is set."""

    failure: str | None = None
    entries: dict[Ref, Entry] = field(default_factory=dict)
    released: list[Ref] = field(default_factory=list)
    refusals: dict[Ref, str] = field(default_factory=dict)
    appended: int = 0

    async def append(
        self, record: Record, event_id: str, body_sha256: str, *, is_whole: bool = False
    ) -> Ref:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise SpoolError(self.failure)
        self.appended += 1
        ref = Ref(self.appended)
        self.entries[ref] = Entry(
            ref.id,
            record.topic,
            record.key,
            record.value or b"",
            record.headers,
            event_id,
            body_sha256,
            0.0,
            is_whole,
        )
        return ref

    def release(self, ref: Ref) -> None:
        self.released.append(ref)
        self.entries.pop(ref, None)

    def refuse(self, ref: Ref, reason: str) -> None:
        self.refusals[ref] = reason

    async def read(self, refs: Sequence[Ref], max_bytes: int) -> list[Entry | None]:
        await asyncio.sleep(0)
        return [self.entries.get(ref) for ref in refs]


class ToldPublisher:
    """Each publish waits for `answer`; with `answers` set, that is what it gets at once."""

    def __init__(self) -> None:
        self.why: str | None = None
        self.answers: BusError | str | None = "waits"
        self.sent: list[Record] = []
        self.pending: list[tuple[Record, Tell]] = []

    async def publish(self, record: Record) -> Position:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.send(record, future.set_result)
        outcome = await future
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def send(self, record: Record, settled: Tell) -> None:
        self.sent.append(record)
        if isinstance(self.answers, BusError):
            settled(self.answers)
        elif self.answers is None:
            settled(Position(record.topic, 0, len(self.sent) - 1))
        else:
            self.pending.append((record, settled))

    def answer(self, error: BusError | None = None) -> None:
        """Answer all that wait."""
        for record, settled in self.pending:
            settled(error or Position(record.topic, 0, 7))
        self.pending.clear()

    def healthy(self) -> str | None:
        return self.why


async def settle(turns: int = 30) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)
