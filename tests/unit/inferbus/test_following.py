"""Records on Kafka as `tail` shows them: all that is said, no body, nothing that breaks a line."""

import hashlib
from itertools import islice

from bus.memory import MemoryBus
from bus.records import Record, event_record, quarantine_record
from inferbus.commands.tail import line_of
from inferbus.following import event_row, follow
from inferbus.output import json_line
from schemas.event import EventError, Outcome, Quarantined
from schemas.topics import TopicNames
from tests.support.storage import BODY, NOON, an_event, an_offloaded_event

NAMES = TopicNames()
HELD = Quarantined(
    id="deepinfra:sha256-ff:quarantined",
    provider="deepinfra",
    reason="not-json",
    detail="at byte 4",
    received_at=NOON,
    payload_text="eyJuIjoiYWJjIn0",
    body_sha256=hashlib.sha256(b"no").hexdigest(),
    body_bytes=2,
    body=b"no",
)


def rows_of(*records: Record) -> list[dict[str, object]]:
    """Publish records and follow them from the beginning."""
    bus = MemoryBus(NAMES.all)
    publisher = bus.publisher("test")
    for record in records:
        publisher.submit(record).result(1)
    return list(follow(bus.read(NAMES.all), NAMES, count=len(records)))


def test_an_event_is_shown_without_its_body() -> None:
    """With its place on Kafka; money stays exact text."""
    [row] = rows_of(event_record(an_event(), NAMES))

    text = json_line(row)
    assert (row["id"], row["topic"], row["offset"]) == (
        "deepinfra:R1:succeeded",
        "inference.succeeded",
        0,
    )
    assert "body" not in row
    assert "payload_text" not in row
    assert BODY.decode() not in text


def test_a_reference_is_shown() -> None:
    """Where a large body lies."""
    [row] = rows_of(event_record(an_offloaded_event(), NAMES))

    assert isinstance(row["payload_ref"], dict)
    assert row["payload_ref"]["bytes"] == len(BODY)


def test_a_quarantined_delivery_is_shown_with_its_reason() -> None:
    """But not the text of its URL, half of a credential."""
    [row] = rows_of(quarantine_record(HELD, NAMES))

    assert (row["outcome"], row["reason"]) == ("quarantined", "not-json")
    assert HELD.payload_text not in json_line(row)


def test_what_cannot_be_read_is_shown_as_such() -> None:
    """Following goes on."""
    [row] = rows_of(Record(NAMES.of("succeeded"), b"k", b"junk", (("ce_id", b"a:b:c"),)))

    assert (row["id"], row["outcome"]) == ("a:b:c", "unreadable")


def test_it_ends_after_the_count() -> None:
    """Also within a batch."""
    bus = MemoryBus(NAMES.all)
    for number in range(5):
        bus.publisher("test").submit(event_record(an_event(f"R{number}"), NAMES)).result(1)

    assert len(list(follow(bus.read(NAMES.all), NAMES, count=3))) == 3


class SilentReader:
    """Has nothing to read."""

    def poll(self, timeout_s: float) -> list[object]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Disconnect."""


def test_a_poll_without_records_lets_the_caller_stop() -> None:
    """An empty row comes for it."""
    assert list(islice(follow(SilentReader(), NAMES), 2)) == [{}, {}]


def test_a_line_holds_no_control_characters() -> None:
    """A provider's error text must not recolour the terminal or begin another line."""
    error = EventError(code="\x1b]0;owned\x07", message="bad\x1b[31m\nnews\u202e")
    event = an_event("R9", Outcome.FAILED, error=error, model="m\x1b[2J")
    [record] = [event_record(event, NAMES)]
    bus = MemoryBus(NAMES.all)
    bus.publisher("test").submit(record).result(1)

    line = line_of(event_row(bus.read(NAMES.all).poll(1.0)[0], NAMES))

    assert line.isprintable()
    assert "error=bad\\x1b[31m\\nnews\\u202e" in line
    assert line.endswith("@0")
