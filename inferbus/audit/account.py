"""One audit from beginning to end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import Engine

from bus.protocols import Bus
from bus.records import NextOffsets
from consumers.storage import queries
from inferbus.audit.check import Check
from inferbus.audit.claims import read_claim
from inferbus.audit.compare import lag
from inferbus.audit.held import Extent, held_records, measure, wait_for_storage
from inferbus.audit.ledger import StoredLedger
from inferbus.errors import ProblemError
from schemas.topics import TopicNames

# Bodies of a batch are in memory at once: some 250 MB at the inline limit.
_BATCH = 500
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is audited, and what it is held against."""

    bus: Bus
    engine: Engine
    has_blob: Callable[[str], bool]
    names: TopicNames
    group: str


@dataclass(frozen=True, slots=True)
class Account:
    """What an audit found; `lag` counts records that storage had not settled at its start."""

    check: Check
    extent: Extent
    lag: int
    rows: dict[str, int]

    @property
    def not_checkable(self) -> int:
        """How many rows no record that Kafka still holds has led to."""
        return max(0, sum(self.rows.values()) - self.check.distinct)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told how far the audit is: `total` records, `advance` by some, `note` in words."""

    total: Callable[[int], None]
    advance: Callable[[int], None]
    note: Callable[[str], None]


def take_account(subject: Subject, wait_s: float, listener: Listener) -> Account:
    """Read what Kafka holds up to its ends now, and compare it with what is stored."""
    admin = subject.bus.admin()
    try:
        extent = measure(admin, subject.names.stored)
        _refuse_no_topics(extent)
        listener.total(extent.records)
        committed = wait_for_storage(admin, subject.group, extent, wait_s, note=listener.note)
        check = Check(StoredLedger(subject.engine), subject.has_blob, committed)
        for batch in held_records(
            subject.bus, extent, lambda: admin.begin_offsets(subject.names.stored)
        ):
            for part in _parts(batch, _BATCH):
                check.take([read_claim(record, subject.names) for record in part])
            listener.advance(len(batch))
        if check.has_missing:
            late = measure(admin, (subject.names.of("deadletter"),))
            wait_for_storage(admin, subject.group, late, wait_s, note=listener.note)
            check.recheck()
    finally:
        admin.close()
    _check_references(check, subject.engine)
    return Account(check, extent, _lag(extent, committed), queries.totals(subject.engine))


def _refuse_no_topics(extent: Extent) -> None:
    if not extent.end:
        raise ProblemError("Kafka has none of the topics: `inferbus topics create` makes them")


def _check_references(check: Check, engine: Engine) -> None:
    for reference in queries.references(engine):
        check.check_reference(f"table {reference.table}", reference.body_sha256, reference.event_id)


def _lag(extent: Extent, committed: NextOffsets) -> int:
    return lag(extent.begin, extent.end, committed)


def _parts(items: Iterable[_Item], size: int) -> Iterator[Sequence[_Item]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
