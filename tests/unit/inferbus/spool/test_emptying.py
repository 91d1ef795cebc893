"""Emptying a spool that nobody owns: each entry once, released by its acknowledgement alone."""

from pathlib import Path

import pytest

from bus.errors import PublishTimeoutError, RecordRefusedError, TopicMissingError
from bus.memory import MemoryBus
from bus.protocols import Publisher
from bus.records import Position, Record
from inferbus.spool.emptying import Emptied, Emptying, KafkaAwayError
from ingest.spool.contents import live_entries
from ingest.spool.frames import Entry
from ingest.spool.lock import sub_spool
from ingest.spool.spool import Spool
from tests.support.spooling import record

MIB = 1 << 20
TOPIC = "inference.succeeded"


async def as_it_is(entry: Entry) -> Record:
    return entry.record


class Refusing:
    """Acknowledges but for some records, which get an error."""

    def __init__(self, errors: dict[bytes | None, Exception]) -> None:
        self.errors = errors
        self.tried = 0

    async def publish(self, record: Record) -> Position:
        self.tried += 1
        if record.key in self.errors:
            raise self.errors[record.key]
        return Position(record.topic, 0, self.tried)


async def fill(folder: Path, count: int, worker: int = 0) -> None:
    spool = Spool(folder, MIB, worker)
    await spool.open()
    for number in range(count):
        await spool.append(record(number), f"e{number}", "sha")
    await spool.close()


async def emptied(
    folder: Path, publisher: Publisher | Refusing, *, set_aside: bool = False
) -> list[Emptied]:
    spool = Spool(folder, MIB, worker=None)
    refs = await spool.open()
    try:
        refs += spool.set_aside if set_aside else []
        emptying = Emptying(spool, publisher, as_it_is)  # type: ignore[arg-type] # publish is all it uses
        return [each async for each in emptying.publish(refs)]
    finally:
        await spool.close()


def left(folder: Path, worker: int = 0) -> dict[str, str | None]:
    return {entry.event_id: why for entry, why in live_entries(sub_spool(folder, worker))}


async def test_every_entry_is_published_oldest_first_and_released(tmp_path: Path) -> None:
    """More than one part of them, and of two workers."""
    bus = MemoryBus([TOPIC], partitions=1)
    await fill(tmp_path, 150)
    await fill(tmp_path, 3, worker=1)

    done = await emptied(tmp_path, bus.publisher("test"))

    assert [each.entry.event_id for each in done[:150]] == [f"e{n}" for n in range(150)]
    assert [found.key for found in bus.records(TOPIC)[:3]] == [b"R0", b"R1", b"R2"]
    assert len(bus.records(TOPIC)) == 153
    assert (left(tmp_path), left(tmp_path, 1)) == ({}, {})


async def test_what_kafka_refuses_is_set_aside_and_the_rest_goes(tmp_path: Path) -> None:
    await fill(tmp_path, 3)

    done = await emptied(tmp_path, Refusing({b"R1": RecordRefusedError("too large")}))

    assert [each.problem for each in done] == [None, "set aside: too large", None]
    assert left(tmp_path) == {"e1": "too large"}


async def test_what_was_set_aside_goes_only_on_request(tmp_path: Path) -> None:
    await fill(tmp_path, 2)
    await emptied(tmp_path, Refusing({b"R1": RecordRefusedError("too large")}))
    mended = Refusing({})

    untouched = await emptied(tmp_path, mended)
    on_request = await emptied(tmp_path, mended, set_aside=True)

    assert (untouched, [each.entry.event_id for each in on_request]) == ([], ["e1"])
    assert left(tmp_path) == {}


async def test_an_entry_that_fails_by_itself_stays_and_holds_up_no_other(tmp_path: Path) -> None:
    await fill(tmp_path, 3)

    done = await emptied(tmp_path, Refusing({b"R0": TopicMissingError("no topic")}))

    assert [each.problem for each in done] == ["no topic", None, None]
    assert left(tmp_path) == {"e0": None}


async def test_a_kafka_that_acknowledges_nothing_ends_it(tmp_path: Path) -> None:
    """The first part is tried, the others are not; nothing is released."""
    await fill(tmp_path, 200)
    away = Refusing({f"R{n}".encode(): PublishTimeoutError("no answer") for n in range(200)})

    with pytest.raises(KafkaAwayError, match="no answer"):
        await emptied(tmp_path, away)

    assert away.tried < 200
    assert len(left(tmp_path)) == 200


async def test_a_running_owner_keeps_its_sub_spool(tmp_path: Path) -> None:
    """Only what nobody owns is opened."""
    await fill(tmp_path, 2, worker=1)
    owner = Spool(tmp_path, MIB, worker=0)
    await fill_opened(owner)
    # The owner adopted w1 too: nothing is left for anybody else.
    try:
        assert await emptied(tmp_path, Refusing({})) == []
    finally:
        await owner.close()

    assert (len(left(tmp_path)), len(left(tmp_path, 1))) == (1, 2)


async def fill_opened(spool: Spool) -> None:
    await spool.open()
    await spool.append(record(9), "e9", "sha")
