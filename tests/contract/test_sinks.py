"""What every sink must do. A new sink joins by its line in SINKS, a new engine in conftest."""

import itertools
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, Engine, Table, delete, insert, make_url, select, text

from bus.errors import Poison, Transient
from consumers.database import open_engine, plain_text, reading, upgrade
from consumers.storage import queries
from consumers.storage.sinks.base import Batch, Sink
from consumers.storage.sinks.bulk_values import stamp
from consumers.storage.sinks.mapping import event_values
from consumers.storage.sinks.sql import SqlSink
from consumers.storage.tables import CONFLICTS, CURRENT_STATUS, DEAD_LETTERS, EVENTS, QUARANTINE
from schemas.event import EventError, InferenceEvent, Outcome
from tests.support import postgres
from tests.support.kafka.ports import ReservedPorts
from tests.support.storage import (
    BODY,
    NOON,
    Clock,
    a_dead_letter,
    a_held_delivery,
    an_event,
    an_offloaded_event,
    batch_of,
    sha256,
)
from tests.support.strategies import events as any_events

SINKS: list[Callable[[Engine], Sink]] = [lambda engine: SqlSink(engine, Clock())]
TWO_64 = b'{"n":18446744073709551616}'


@pytest.fixture(params=SINKS, ids=["sql"])
def sink(request: pytest.FixtureRequest, engine: Engine) -> Sink:
    """A sink on an empty database."""
    made: Sink = request.param(engine)
    return made


def rows(engine: Engine, table: Table) -> list[dict[str, Any]]:
    """Return every row of a table."""
    with reading(engine) as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_an_event_is_stored_with_all_it_says(sink: Sink, engine: Engine) -> None:
    """Each field has its column, and the row tells which record it was."""
    event = an_event(
        model="m",
        labels={"team": "a", "": "empty key", 'q"uote': "x"},
        job="j",
        runtime_ms=190,
        cost_usd=Decimal("0.0001140000022132881"),
        tokens_input=3,
        tokens_output=4,
        output_kind="embeddings",
        error=EventError("429", "slow down"),
        inner_status="failed",
    )

    written = sink.write(batch_of([event]))

    assert written.events == [event]
    assert rows(engine, EVENTS) == [
        {
            "event_id": "deepinfra:R1:succeeded",
            "provider": "deepinfra",
            "request_id": "R1",
            "outcome": "succeeded",
            "provider_status": "succeeded",
            "model": "m",
            "labels": {"team": "a", "": "empty key", 'q"uote': "x"},
            "job": "j",
            "received_at": NOON,
            "stored_at": NOON + timedelta(hours=1, seconds=1),
            "runtime_ms": 190,
            "cost_usd": Decimal("0.0001140000022132881"),
            "tokens_input": 3,
            "tokens_output": 4,
            "output_kind": "embeddings",
            "error_code": "429",
            "error_message": "slow down",
            "inner_status": "failed",
            "body_sha256": sha256(BODY),
            "body_bytes": len(BODY),
            "body": BODY,
            "body_ref": None,
            "topic": "inference.succeeded",
            "partition_no": 3,
            "offset_no": 0,
        }
    ]


def test_a_repeat_changes_nothing(sink: Sink, engine: Engine) -> None:
    """Redelivered later, or read again after a crash: the first row stays as it is."""
    sink.write(batch_of([an_event()]))
    before = rows(engine, EVENTS)

    again = sink.write(batch_of([an_event(), an_event(received_at=NOON + timedelta(days=1))]))

    assert (again.events, again.conflicts) == ([], 0)
    assert rows(engine, EVENTS) == before
    assert rows(engine, CONFLICTS) == []


def test_one_event_twice_in_a_batch_is_stored_once(sink: Sink, engine: Engine) -> None:
    """The first of a batch is the first one stored."""
    later = an_event(received_at=NOON + timedelta(seconds=5))

    written = sink.write(batch_of([an_event(), later]))

    assert written.events == [an_event()]
    assert [row["received_at"] for row in rows(engine, EVENTS)] == [NOON]


@pytest.mark.parametrize("size", [1, 3, 256, 683])
def test_a_batch_of_any_size_is_stored_whole(sink: Sink, engine: Engine, size: int) -> None:
    """Beside what is there already, each row with what is its own."""
    events = [an_event(f"R{n:03}", body=b'{"n": %d}' % n) for n in range(size)]
    sink.write(batch_of(events[::5]))

    written = sink.write(batch_of(events[::-1]))

    assert len(written.events) == size - len(events[::5])
    stored = {row["event_id"]: row["body"] for row in rows(engine, EVENTS)}
    assert stored == {event.id: event.body for event in events}


def test_other_content_is_a_conflict_and_the_first_one_wins(sink: Sink, engine: Engine) -> None:
    """It is kept with its bytes and its position, and counted once."""
    sink.write(batch_of([an_event(body=b'{"a":1}')]))
    other = an_event(body=b'{"a":2}', received_at=NOON + timedelta(seconds=9))

    first = sink.write(batch_of([an_event(body=b'{"a":1}'), other]))
    again = sink.write(batch_of([other, other]))

    assert (first.conflicts, again.conflicts) == (1, 0)
    assert [row["body"] for row in rows(engine, EVENTS)] == [b'{"a":1}']
    [conflict] = rows(engine, CONFLICTS)
    assert conflict["event_id"] == other.id
    assert (conflict["body"], conflict["body_sha256"]) == (b'{"a":2}', sha256(b'{"a":2}'))
    assert (conflict["received_at"], conflict["offset_no"]) == (other.received_at, 1)


def test_conflicts_within_one_batch_are_found(sink: Sink, engine: Engine) -> None:
    """Nothing of them is in the database yet when they are compared."""
    bodies = [b'{"a":1}', b'{"a":2}', b'{"a":1}', b'{"a":3}', b'{"a":2}']

    written = sink.write(batch_of([an_event(body=body) for body in bodies]))

    assert (len(written.events), written.conflicts) == (1, 2)
    assert [row["body"] for row in rows(engine, EVENTS)] == [b'{"a":1}']
    assert {row["body"] for row in rows(engine, CONFLICTS)} == {b'{"a":2}', b'{"a":3}'}


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    ("first", "second", "conflicts"),
    [
        (b'{"a":1,"b":[2]}', b'{ "b" : [2], "a" : 1 }\n', 0),
        (b'{"a":"\\u00e9"}', '{"a":"é"}'.encode(), 0),
        (TWO_64, b'{"n":18446744073709551617}', 1),
        (b'{"n":1}', b'{"n":1.0}', 1),
        (b'{"n":1}', b'{"n":"1"}', 1),
        (b"[1,2]", b"[2,1]", 1),
    ],
)
def test_content_is_compared_as_json_with_numbers_as_text(
    sink: Sink, first: bytes, second: bytes, conflicts: int, *, in_one_batch: bool
) -> None:
    """Key order, white space and escapes do not count; every digit does."""
    batches = [[an_event(body=first)], [an_event(body=second)]]
    if in_one_batch:
        batches = [[*batches[0], *batches[1]]]

    found = [sink.write(batch_of(batch)).conflicts for batch in batches]

    assert sum(found) == conflicts


@pytest.mark.parametrize(
    "body",
    [
        b' \n{"n":1e999, "text":"a\\u0000b"}\t ',
        b'{"n":18446744073709551617,"n":-0}',
        b'"\x00 is no JSON, but bytes are bytes \xff"',
        b"",
    ],
)
def test_bytes_come_back_exactly(sink: Sink, engine: Engine, body: bytes) -> None:
    """NUL and 1e999 are no database's JSON, yet must not stop a partition."""
    sink.write(batch_of([an_event(body=body)], [a_held_delivery(body)], [a_dead_letter(body)]))

    assert [row["body"] for row in rows(engine, EVENTS)] == [body]
    assert [row["body"] for row in rows(engine, QUARANTINE)] == [body]
    assert [row["value"] for row in rows(engine, DEAD_LETTERS)] == [body]


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "0.10", "100", "0.0001140000022132881", f"{'9' * 12}.{'1' * 40}"],
)
def test_money_is_exact(sink: Sink, engine: Engine, amount: str) -> None:
    """Every digit comes back, and sums are made of the exact amounts."""
    costs = [an_event(f"R{n}", cost_usd=Decimal(amount)) for n in range(3)]

    sink.write(batch_of(costs))

    assert [str(row["cost_usd"]) for row in rows(engine, EVENTS)] == [amount] * 3
    [total] = queries.stats(engine)
    assert total.cost_usd is not None
    assert Fraction(total.cost_usd) == 3 * Fraction(amount)


def test_numbers_that_no_column_holds_are_null(sink: Sink, engine: Engine) -> None:
    """A derived field out of range is no reason to park an event."""
    sink.write(batch_of([an_event(runtime_ms=2**63, tokens_input=-(2**63), tokens_output=10**40)]))

    [row] = rows(engine, EVENTS)
    assert (row["runtime_ms"], row["tokens_input"], row["tokens_output"]) == (None, -(2**63), None)


def test_text_that_no_column_holds_is_replaced(sink: Sink, engine: Engine) -> None:
    """NUL and lone surrogates become U+FFFD, in ids too, on every engine alike."""
    event = an_event("R\x00\ud800", model="a\x00b", labels={"k\x00": "v\udfff"}, job="\U0001f600")
    held = a_held_delivery(detail="\x00", labels={"\ud83d": "\x00"})
    dead = a_dead_letter(detail="\x00", event_id="\x00", headers=(("h\x00", b"\x00"),))
    batch = batch_of([event], [held], [dead])

    first, again = sink.write(batch), sink.write(batch)

    assert (first.events, again.events, again.conflicts) == ([event], [], 0)
    [row] = rows(engine, EVENTS)
    assert (row["request_id"], row["model"]) == ("R\ufffd\ufffd", "a\ufffdb")
    assert (row["labels"], row["job"]) == ({"k\ufffd": "v\ufffd"}, "\U0001f600")
    assert len(rows(engine, QUARANTINE)) == len(rows(engine, DEAD_LETTERS)) == 1


@given(batch=st.lists(any_events(), max_size=4))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_adapter_makes_can_be_stored(
    sink: Sink, engine: Engine, batch: list[InferenceEvent]
) -> None:
    """No text, amount or moment that the contract allows stops a partition."""
    _clear(engine, EVENTS, CONFLICTS)

    sink.write(batch_of(batch))

    assert {row["body_sha256"] for row in rows(engine, EVENTS)} <= {e.body_sha256 for e in batch}
    assert len(rows(engine, EVENTS)) == len({plain_text(e.id) for e in batch})


def test_a_body_in_the_blob_store_is_kept_as_its_reference(sink: Sink, engine: Engine) -> None:
    """Such bodies are compared by hash alone."""
    sink.write(batch_of([an_offloaded_event(body=b'{"a":1}')]))

    same = sink.write(batch_of([an_offloaded_event(body=b'{"a":1}')]))
    inline = sink.write(batch_of([an_event(body=b'{"a": 1}')]))
    other = sink.write(batch_of([an_offloaded_event(body=b'{"a":2}')]))

    [row] = rows(engine, EVENTS)
    assert (row["body"], row["body_bytes"]) == (None, 7)
    assert row["body_ref"] == "file:///blobs/" + sha256(b'{"a":1}')
    assert [same.conflicts, inline.conflicts, other.conflicts] == [0, 1, 1]


def test_a_quarantined_delivery_is_kept_once_with_what_a_replay_needs(
    sink: Sink, engine: Engine
) -> None:
    """Its bytes, its reason, and what its callback URL said."""
    held = a_held_delivery(model="m", labels={"a": "b"}, job="j", payload_text="eyJqIjoiaiJ9")

    sink.write(batch_of(quarantined=[held, held]))
    sink.write(batch_of(quarantined=[held]))

    [row] = rows(engine, QUARANTINE)
    assert (row["event_id"], row["reason"], row["body"]) == (held.id, "not-json", b"not json")
    assert (row["model"], row["labels"], row["job"]) == ("m", {"a": "b"}, "j")
    assert (row["payload_text"], row["replayed_at"]) == ("eyJqIjoiaiJ9", None)
    assert (row["topic"], row["offset_no"]) == ("inference.quarantine", 0)


def test_a_dead_letter_is_kept_once_and_comes_back_as_it_was(sink: Sink, engine: Engine) -> None:
    """Key, value, headers and origin survive; the same record read again changes nothing."""
    dead = a_dead_letter()

    sink.write(batch_of(dead_letters=[dead, dead]))
    sink.write(batch_of(dead_letters=[a_dead_letter(offset=99)]))

    [listed] = queries.dead_letters(engine)
    found = queries.dead_letter(engine, listed.consumer, listed.dl_key)
    assert found is not None
    assert found.letter() == dead


def test_dead_letters_of_one_event_with_other_bytes_are_all_kept(
    sink: Sink, engine: Engine
) -> None:
    """So are those of other consumers, and records without an event id or a value."""
    dead = [
        a_dead_letter(b"1"),
        a_dead_letter(b"2"),
        a_dead_letter(b"1", consumer="alerting"),
        a_dead_letter(b"1", event_id=None),
        a_dead_letter(None, event_id=None, key=None),
    ]

    sink.write(batch_of(dead_letters=dead))

    assert len(rows(engine, DEAD_LETTERS)) == len(dead)


def test_a_dead_letter_parked_again_before_its_replay_is_noted_stays_open(
    sink: Sink, engine: Engine
) -> None:
    """Consumers are quicker than the command: retention would remove the only copy one day."""
    sink.write(batch_of(dead_letters=[a_dead_letter()]))
    chosen = queries.dead_letters(engine)

    sink.write(
        batch_of(dead_letters=[a_dead_letter(parked_at=NOON + timedelta(minutes=1), offset=77)])
    )
    queries.mark_replayed(engine, chosen, NOON + timedelta(hours=1))

    [row] = rows(engine, DEAD_LETTERS)
    assert (row["offset_no"], row["replayed_at"]) == (77, None)
    sink.write(batch_of(dead_letters=[a_dead_letter()]))
    assert rows(engine, DEAD_LETTERS) == [row]


def test_a_dead_letter_parked_again_by_a_clock_that_is_behind_is_open_again(
    sink: Sink, engine: Engine
) -> None:
    """The replaying machine's clock says nothing about the consumers'."""
    sink.write(batch_of(dead_letters=[a_dead_letter()]))
    queries.mark_replayed(engine, queries.dead_letters(engine), NOON + timedelta(days=1))

    sink.write(
        batch_of(dead_letters=[a_dead_letter(parked_at=NOON + timedelta(minutes=1), offset=77)])
    )

    assert [row["replayed_at"] for row in rows(engine, DEAD_LETTERS)] == [None]


def test_a_record_parked_twice_by_a_crash_stays_replayed(sink: Sink, engine: Engine) -> None:
    """Its second parking tells of the same record, at the same place."""
    sink.write(batch_of(dead_letters=[a_dead_letter()]))
    queries.mark_replayed(engine, queries.dead_letters(engine), NOON + timedelta(hours=1))

    sink.write(batch_of(dead_letters=[a_dead_letter(parked_at=NOON + timedelta(minutes=1))]))

    assert [row["replayed_at"] for row in rows(engine, DEAD_LETTERS)] != [None]


def test_a_dead_letter_parked_again_after_its_replay_is_open_again(
    sink: Sink, engine: Engine
) -> None:
    """The old record, read again, does not open it; the new one does, once."""
    old = a_dead_letter()
    new = a_dead_letter(parked_at=NOON + timedelta(hours=2), offset=77)
    sink.write(batch_of(dead_letters=[old]))
    queries.mark_replayed(engine, queries.dead_letters(engine), NOON + timedelta(hours=1))

    sink.write(batch_of(dead_letters=[old]))
    [replayed] = rows(engine, DEAD_LETTERS)
    sink.write(batch_of(dead_letters=[old, new, old]))
    [parked_again] = rows(engine, DEAD_LETTERS)

    assert (replayed["replayed_at"], replayed["offset_no"]) == (NOON + timedelta(hours=1), 41)
    assert (parked_again["replayed_at"], parked_again["offset_no"]) == (None, 77)


def test_a_batch_that_cannot_be_stored_leaves_nothing(sink: Sink, engine: Engine) -> None:
    """The worker halves it then, and must find the database as it was."""
    batch = batch_of(
        [an_event("R1"), an_event("R2", body_bytes=2**70), an_event("R3")],
        [a_held_delivery()],
        [a_dead_letter()],
    )

    with pytest.raises(Poison) as caught:
        sink.write(batch)

    assert caught.value.reason == "unstorable"
    assert "R1" not in caught.value.detail
    assert queries.totals(engine) == dict.fromkeys(queries.totals(engine), 0)


def test_missing_tables_are_waited_for(sink: Sink, engine: Engine) -> None:
    """The records are sound: parking them all would help nobody."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE dead_letters"))

    with pytest.raises(Transient, match="dead_letters"):
        sink.write(batch_of([an_event()], dead_letters=[a_dead_letter()]))

    assert rows(engine, EVENTS) == []


def test_a_database_that_is_away_is_waited_for() -> None:
    """The reason names no password."""
    with ReservedPorts() as ports:
        engine = open_engine(f"postgresql+psycopg://u:hush@127.0.0.1:{ports.reserve()}/d")

        with pytest.raises(Transient, match="refused") as caught:
            SqlSink(engine).write(batch_of([an_event()]))

    assert "hush" not in str(caught.value)


def test_a_restarted_database_is_written_to_at_once(postgres_server: URL) -> None:
    """Connections that broke while nobody used them cost no batch."""
    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine, other = open_engine(url), open_engine(url)
        sink = SqlSink(engine)
        sink.write(batch_of([an_event("R1")]))
        with other.begin() as connection:
            _end_the_others(connection)

        written = sink.write(batch_of([an_event("R2")]))

        engine.dispose()
        other.dispose()
    assert len(written.events) == 1


def test_a_connection_lost_amid_a_batch_is_waited_for(
    postgres_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the batch is stored, and the next try has a new connection."""
    losses = iter([True])

    def lose_it_once() -> None:
        if next(losses, False):
            with other.begin() as connection:
                _end_the_others(connection)

    _before_each_copy(monkeypatch, lose_it_once)
    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine, other = open_engine(url), open_engine(url)
        sink = SqlSink(engine)
        batch = batch_of([an_event(f"R{n}") for n in range(20)])

        with pytest.raises(Transient):
            sink.write(batch)
        before = rows(other, EVENTS)
        written = sink.write(batch)

        engine.dispose()
        other.dispose()
    assert before == []
    assert len(written.events) == 20


def _before_each_copy(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have this happen on PostgreSQL after the look at what is there, before the insert."""

    def act_and_stamp(*arguments: Any) -> None:
        act()
        stamp(*arguments)

    monkeypatch.setattr("consumers.storage.sinks.bulk_postgresql.stamp", act_and_stamp)


def test_events_that_another_writer_stores_meanwhile_are_repeats(
    postgres_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy skips nothing: it fails whole, and is done again with what is there by then."""
    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine, other = open_engine(url), open_engine(url)
        meanwhile = iter([an_event("R1"), an_event("R2", body=b'{"other":1}')])

        def store_another() -> None:
            for event in itertools.islice(meanwhile, 1):
                [arrived] = batch_of([event]).events
                with other.begin() as connection:
                    connection.execute(insert(EVENTS).values(event_values(arrived, NOON)))

        _before_each_copy(monkeypatch, store_another)
        written = SqlSink(engine).write(batch_of([an_event(f"R{n}") for n in range(4)]))

        stored = {row["request_id"]: row["body"] for row in rows(engine, EVENTS)}
        conflicts = [row["event_id"] for row in rows(engine, CONFLICTS)]
        engine.dispose()
        other.dispose()
    assert [event.request_id for event in written.events] == ["R0", "R3"]
    assert stored == {"R0": BODY, "R1": BODY, "R2": b'{"other":1}', "R3": BODY}
    assert (written.conflicts, conflicts) == (1, [an_event("R2").id])


def test_a_writer_that_is_always_forestalled_waits(
    postgres_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch is tried again later, as after every passing trouble."""
    events = [an_event(f"R{n}") for n in range(100)]
    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine, other = open_engine(url), open_engine(url)
        meanwhile = iter(batch_of(events).events)

        def store_another() -> None:
            with other.begin() as connection:
                row = event_values(next(meanwhile), NOON)
                connection.execute(insert(EVENTS).values(row))

        _before_each_copy(monkeypatch, store_another)
        with pytest.raises(Transient, match="another writer"):
            SqlSink(engine).write(batch_of(events))

        monkeypatch.undo()
        forestalled = len(rows(engine, EVENTS))
        written = SqlSink(engine).write(batch_of(events))
        engine.dispose()
        other.dispose()
    assert 0 < forestalled < 100
    assert len(written.events) == 100 - forestalled


def test_a_batch_prepared_before_its_turn_is_stored_the_same(sink: Sink, engine: Engine) -> None:
    """Also again: the worker tries a batch that could not be stored as it is."""
    batch = batch_of([an_event("R1"), an_event("R2"), an_event("R1", body=b"{}")])

    prepared = sink.prepare(batch)
    first, again = sink.write(prepared), sink.write(prepared)

    assert [event.request_id for event in first.events] == ["R1", "R2"]
    assert (first.conflicts, again.conflicts, len(again.events)) == (1, 0, 0)
    stored = [row["stored_at"] for row in rows(engine, EVENTS)]
    assert stored == [NOON + timedelta(hours=1, seconds=1)] * 2  # when it is written first


def test_what_can_never_be_stored_is_poison_when_it_is_prepared(sink: Sink) -> None:
    """As it is when it is written."""
    event = msgspec.structs.replace(an_event(), received_at=NOON.replace(tzinfo=None))

    with pytest.raises(Poison, match="time zone"):
        sink.prepare(batch_of([event]))
    with pytest.raises(Poison, match="time zone"):
        sink.write(batch_of([event]))


def test_a_role_needs_no_more_than_its_tables(postgres_server: URL) -> None:
    """Some grant an application nothing else, no temporary tables either."""
    with postgres.database(postgres_server) as url:
        upgrade(url)
        name = make_url(url).database
        postgres.run(
            make_url(url),
            "DROP ROLE IF EXISTS bare",
            "CREATE ROLE bare LOGIN PASSWORD 'bare'",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO bare",
            f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",
        )
        bare = make_url(url).set(username="bare", password="bare")
        engine = open_engine(bare.render_as_string(hide_password=False))
        batch = batch_of([an_event(labels={"a": "b"}), an_event(), an_event(body=b"{}")])

        first, again = SqlSink(engine).write(batch), SqlSink(engine).write(batch)

        stored = rows(engine, EVENTS)
        engine.dispose()
    assert (len(first.events), first.conflicts) == (1, 1)
    assert (len(again.events), again.conflicts) == (0, 0)
    assert [row["labels"] for row in stored] == [{"a": "b"}]


def test_an_id_too_long_for_an_index_is_poison(postgres_server: URL) -> None:
    """PostgreSQL calls it an operational error; waiting for it would stop the partition."""
    long = "".join(sha256(b"%d" % n) for n in range(1000))
    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine = open_engine(url)

        with pytest.raises(Poison, match="index row"):
            SqlSink(engine).write(batch_of([an_event(long)]))

        engine.dispose()


def test_two_writers_at_once_store_each_event_once(engine: Engine) -> None:
    """Two instances read the same records while a group rebalances."""
    events = [
        an_event(f"R{n:03}", outcome)
        for n in range(150)
        for outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
    ]
    singles = [batch_of([event]) for event in events[:20]]
    barrier = threading.Barrier(2)
    stored: list[InferenceEvent] = []
    conflicts: list[int] = []

    def write(order: list[Any]) -> None:
        sink = SqlSink(engine)
        barrier.wait(10)
        for batch in order:
            written = sink.write(batch)
            stored.extend(written.events)
            conflicts.append(written.conflicts)

    threads = [
        threading.Thread(target=write, args=([batch_of(events), *singles],)),
        threading.Thread(target=write, args=([batch_of(events[::-1]), *singles[::-1]],)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(event.id for event in stored) == sorted(event.id for event in events)
    assert conflicts == [0] * 42


def test_writers_of_opposite_order_do_not_wait_for_each_other_crosswise(
    postgres_server: URL,
) -> None:
    """Each would hold what the other wants; SQLite has one writer at a time anyway."""
    events = [an_event(f"R{n}") for n in range(3)]
    errors: list[Exception] = []

    def write(batch: Batch) -> None:
        try:
            SqlSink(engine).write(batch)
        except Transient as error:
            errors.append(error)

    with postgres.database(postgres_server) as url:
        upgrade(url)
        engine = open_engine(url)
        threads = [
            threading.Thread(target=write, args=(batch_of(order),))
            for order in (events, events[::-1])
        ]
        with engine.connect() as holder:
            [middle] = batch_of([events[1]]).events
            holder.execute(insert(EVENTS).values(event_values(middle, NOON)))
            for thread in threads:
                thread.start()
            _wait_for_locked_writers(engine, len(threads))
            holder.rollback()
        for thread in threads:
            thread.join(60)
        stored = len(rows(engine, EVENTS))
        engine.dispose()

    assert (errors, stored) == ([], 3)


def _wait_for_locked_writers(engine: Engine, count: int) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    ends_at = time.monotonic() + 30
    # One transaction would be told the same again: the server keeps what it once said.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.scalar(query) != count:
            assert time.monotonic() < ends_at
            time.sleep(0.01)


_RANK = {Outcome.SUCCEEDED: 2, Outcome.FAILED: 1, Outcome.PROGRESS: 0}

_SEVERAL = st.lists(
    st.builds(
        lambda request_id, place, word, seconds: an_event(
            request_id,
            place,
            word=word if place is Outcome.PROGRESS else None,
            received_at=NOON + timedelta(seconds=seconds),
        ),
        st.sampled_from(["R1", "R2"]),
        st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROGRESS]),
        st.sampled_from(["queued", "RUNNING", "a-b", "a_b", "é"]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda event: event.id,
)


@given(events=_SEVERAL, data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_current_status_depends_on_no_order_of_arrival(
    sink: Sink, engine: Engine, events: list[InferenceEvent], data: st.DataObject
) -> None:
    """Succeeded beats failed beats progress, then the later one, then the greater id."""
    _clear(engine, EVENTS)
    for event in data.draw(st.permutations(events)):
        sink.write(batch_of([event]))

    for request_id, group in itertools.groupby(
        sorted(events, key=lambda e: e.request_id), key=lambda e: e.request_id
    ):
        expected = max(group, key=lambda e: (_RANK[e.outcome], e.received_at, e.id))
        current = queries.current(engine, request_id)
        assert current is not None
        assert current.event_id == expected.id
    with reading(engine) as connection:
        found = connection.execute(select(CURRENT_STATUS.c.event_id)).all()
    assert len(found) == len({event.request_id for event in events})


def test_providers_with_the_same_request_id_are_two_jobs(sink: Sink, engine: Engine) -> None:
    """A request id belongs to its provider."""
    other = msgspec.structs.replace(an_event(), id="other:R1:succeeded", provider="other")

    sink.write(batch_of([an_event(), other]))

    with reading(engine) as connection:
        assert len(connection.execute(select(CURRENT_STATUS.c.event_id)).all()) == 2


def test_two_thousand_records_are_one_batch(sink: Sink, engine: Engine) -> None:
    """As many as a worker takes at once, each with more columns than one statement's usual."""
    events = [an_event(f"R{n:04}") for n in range(2000)]

    written = sink.write(
        batch_of(events, dead_letters=[a_dead_letter(b"%d" % n) for n in range(2000)])
    )
    again = sink.write(batch_of(events))

    assert len(written.events) == 2000
    assert again.events == []
    assert queries.totals(engine)["events"] == queries.totals(engine)["dead_letters"] == 2000


def test_an_empty_batch_is_no_error(sink: Sink, engine: Engine) -> None:
    """It changes nothing."""
    assert sink.write(batch_of()).conflicts == 0
    assert queries.totals(engine)["events"] == 0


def _end_the_others(connection: Connection) -> None:
    """End every other connection of the database, as a restart of the server does."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    query = f"SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE {others}"  # noqa: S608 - no input
    connection.execute(text(query))


def _clear(engine: Engine, *tables: Table) -> None:
    with engine.begin() as connection:
        for table in tables:
            connection.execute(delete(table))
