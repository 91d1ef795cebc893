"""Parking keeps a record whole; replaying puts it back as it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.deadletter import park_record, read_dead_letter, replay_record, value_sha256
from bus.records import Position, ReceivedRecord, Record
from schemas.codec import SchemaError
from tests.support.schemas import validator

PARKED_AT = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
NAMES = st.text(min_size=1).filter(lambda name: not name.startswith("inferbus_dl_"))


def received(record: Record, offset: int = 7) -> ReceivedRecord:
    return ReceivedRecord(
        record.topic,
        record.key,
        record.value,
        record.headers,
        position=Position(record.topic, 2, offset),
    )


def park(record: Record, detail: str = "why") -> ReceivedRecord:
    parked = park_record(received(record), "storage", "schema", detail, PARKED_AT, "x.deadletter")
    return received(parked)


@given(
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.lists(st.tuples(NAMES, st.binary())).map(tuple),
    st.text(),
)
def test_a_replay_is_the_record_that_was_parked(
    key: bytes | None,
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...],
    detail: str,
) -> None:
    """Key, value and headers byte for byte, on the topic where it lay."""
    record = Record("x.succeeded", key, value, headers)

    assert replay_record(read_dead_letter(park(record, detail))) == record


def test_a_dead_letter_says_who_why_when_and_where() -> None:
    """As the published schema has it."""
    record = Record("x.failed", b"k", b"v", (("ce_id", b"p:r:failed"),))

    parked = park(record, "no status \ud800")
    dead = read_dead_letter(parked)

    assert (dead.consumer, dead.reason, dead.parked_at) == ("storage", "schema", PARKED_AT)
    assert (dead.topic, dead.partition, dead.offset) == ("x.failed", 2, 7)
    assert (dead.event_id, dead.value_sha256) == ("p:r:failed", value_sha256(b"v"))
    assert (parked.topic, parked.key, parked.value) == ("x.deadletter", b"k", b"v")
    validator("deadletter").validate({name: raw.decode() for name, raw in parked.headers})


def test_a_record_parked_twice_tells_of_the_last_time() -> None:
    """A replay that fails again must not carry two stories."""
    once = park(Record("x.failed", b"k", b"v", (("ce_id", b"e"),)))

    twice = park(Record(once.topic, once.key, once.value, once.headers))

    assert [name for name, _ in twice.headers].count("inferbus_dl_topic") == 1
    assert read_dead_letter(twice).topic == "x.deadletter"


def test_a_long_detail_is_cut() -> None:
    """It quotes what broke, which may be large."""
    assert len(read_dead_letter(park(Record("t", b"k", b"v"), "x" * 10**6)).detail) == 1000


def test_what_is_no_dead_letter_is_refused() -> None:
    """Somebody else's record on the topic."""
    with pytest.raises(SchemaError, match="header"):
        read_dead_letter(received(Record("x.deadletter", b"k", b"v")))
