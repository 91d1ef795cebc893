"""Questions to storage, on an SQLite file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from consumers.database import open_engine, upgrade
from consumers.storage import queries
from consumers.storage.sinks.mapping import dead_letter_key
from consumers.storage.sinks.sql import SqlSink
from consumers.storage.tables import DEAD_LETTERS, EVENTS, QUARANTINE
from schemas.event import InferenceEvent, Outcome
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
from tests.support.strategies import amounts, counts

HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty database."""
    url = f"sqlite:///{tmp_path / 'inferbus.db'}"
    upgrade(url)
    opened = open_engine(url)
    yield opened
    opened.dispose()


def _store(engine: Engine, *events: InferenceEvent) -> None:
    SqlSink(engine, Clock()).write(batch_of(events))


class _Blobs:
    """Returns what it was made with."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get(self, sha256: str) -> bytes:
        del sha256
        return self._body


def test_a_job_is_found_by_its_request_id(engine: Engine) -> None:
    """Its best outcome, with the exact bytes."""
    _store(engine, an_event(outcome=Outcome.FAILED, body=b"no"), an_event())

    found = queries.current(engine, "R1")

    assert found is not None
    assert (found.outcome, found.body(_Blobs(b""))) == ("succeeded", BODY)
    failed = queries.by_outcome(engine, "R1", "failed")
    assert failed is not None
    assert failed.body(_Blobs(b"")) == b"no"
    by_id = queries.by_id(engine, "deepinfra:R1:failed")
    assert by_id == failed


def test_what_is_unknown_is_none(engine: Engine) -> None:
    """No error."""
    _store(engine, an_event())

    assert queries.current(engine, "R2") is None
    assert queries.by_outcome(engine, "R1", "failed") is None
    assert queries.by_id(engine, "R1") is None
    assert queries.quarantined_one(engine, "x") is None
    assert queries.dead_letter(engine, "storage", "x") is None


def test_of_several_progress_events_the_newest_is_shown(engine: Engine) -> None:
    """A job may have been queued, then running."""
    for seconds, word in enumerate(["queued", "running"]):
        at = NOON + timedelta(seconds=seconds)
        _store(engine, an_event(outcome=Outcome.PROGRESS, word=word, received_at=at))

    found = queries.by_outcome(engine, "R1", "progress")

    assert found is not None
    assert found.provider_status == "running"


def test_a_body_in_the_blob_store_is_fetched(engine: Engine) -> None:
    """The row has its reference only."""
    _store(engine, an_offloaded_event(body=b"large"))

    found = queries.current(engine, "R1")

    assert found is not None
    assert found.body(_Blobs(b"large")) == b"large"
    assert found.body_ref == f"file:///blobs/{sha256(b'large')}"


def test_a_listed_event_has_no_body(engine: Engine) -> None:
    """And does not pretend to have an empty one."""
    _store(engine, an_event())
    [listed] = queries.events(engine)

    with pytest.raises(queries.BodyNotLoadedError):
        listed.body(_Blobs(b""))


def test_json_has_the_columns_of_the_table(engine: Engine) -> None:
    """Without the body: time as RFC 3339, money as text, labels as an object."""
    cost = Decimal("0.0001140000022132881")
    _store(engine, an_event(labels={"a": "b"}, cost_usd=cost, runtime_ms=5))

    row = queries.events(engine)[0].as_json()

    assert list(row) == [column.name for column in EVENTS.columns if column.name != "body"]
    assert row["received_at"] == "2026-11-24T12:00:00.123456Z"
    assert (row["cost_usd"], row["labels"], row["runtime_ms"]) == (str(cost), {"a": "b"}, 5)


def test_events_are_listed_newest_first_and_chosen(engine: Engine) -> None:
    """By outcome, model and age."""
    _store(
        engine,
        an_event("R1", model="a", received_at=NOON),
        an_event("R2", Outcome.FAILED, model="a", received_at=NOON + HOUR),
        an_event("R3", model="b", received_at=NOON + 2 * HOUR),
    )

    def listed(**chosen: object) -> list[str]:
        return [event.request_id for event in queries.events(engine, **chosen)]  # type: ignore[arg-type] # each its own type

    assert listed() == ["R3", "R2", "R1"]
    assert listed(limit=2) == ["R3", "R2"]
    assert listed(limit=None) == ["R3", "R2", "R1"]
    assert listed(outcome="failed") == ["R2"]
    assert listed(model="a") == ["R2", "R1"]
    assert listed(since=NOON + HOUR) == ["R3", "R2"]


def test_pages_follow_each_other_while_events_arrive(engine: Engine) -> None:
    """None is shown twice or left out, also among equal times."""
    _store(engine, *(an_event(f"R{n}") for n in range(5)))
    first = queries.events(engine, limit=2)
    _store(engine, an_event("R9", received_at=NOON + HOUR))

    second = queries.events(engine, limit=2, before=first[-1])
    third = queries.events(engine, limit=2, before=second[-1])

    shown = [event.request_id for event in [*first, *second, *third]]
    assert shown == ["R4", "R3", "R2", "R1", "R0"]


def test_figures_are_grouped(engine: Engine) -> None:
    """By model, outcome, day and label; those without one come first."""
    day = timedelta(days=1)
    _store(
        engine,
        an_event("R1", model="a", labels={"team.x": "1"}, runtime_ms=10, tokens_input=1),
        an_event("R2", Outcome.FAILED, model="a", received_at=NOON + day),
        an_event("R3", Outcome.PROGRESS, word="queued", labels={"team.x": "2"}),
        an_event("R4", model="b", labels={"team.x": "1"}, runtime_ms=20, cost_usd=Decimal("0.1")),
    )

    def groups(by: str) -> list[tuple[str | None, int]]:
        return [(row.group, row.events) for row in queries.stats(engine, by)]

    assert groups("model") == [(None, 1), ("a", 2), ("b", 1)]
    assert groups("outcome") == [("failed", 1), ("progress", 1), ("succeeded", 2)]
    assert groups("day") == [("2026-11-24", 3), ("2026-11-25", 1)]
    assert groups("label:team.x") == [(None, 1), ("1", 2), ("2", 1)]
    [total] = queries.stats(engine)
    assert (total.succeeded, total.failed, total.progress) == (2, 1, 1)
    assert (total.runtime_ms, total.runtime_ms_avg, total.runtime_ms_max) == (30, 15, 20)
    assert (total.cost_usd, total.tokens_input, total.tokens_output) == (Decimal("0.1"), 1, None)
    assert total.as_json()["cost_usd"] == "0.1"
    [recent] = queries.stats(engine, since=NOON + day)
    assert recent.events == 1


def test_no_events_have_empty_figures(engine: Engine) -> None:
    """One row in all, none by group."""
    [total] = queries.stats(engine)

    assert (total.events, total.cost_usd, total.runtime_ms_avg) == (0, None, None)
    assert queries.stats(engine, "model") == []


@pytest.mark.parametrize("by", ["nothing", "label:", "", "body"])
def test_figures_cannot_be_grouped_by_anything(engine: Engine, by: str) -> None:
    """The error says by what they can."""
    with pytest.raises(ValueError, match="choose model, outcome, day or label:KEY"):
        queries.stats(engine, by)


@given(st.lists(st.tuples(st.none() | amounts(), counts), min_size=1, max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_exact(engine: Engine, figures: list[tuple[Decimal | None, int | None]]) -> None:
    """Whatever the amounts: no float, no rounding, no overflow."""
    with engine.begin() as connection:
        connection.execute(delete(EVENTS))
    _store(
        engine,
        *(an_event(f"R{n}", cost_usd=c, runtime_ms=ms) for n, (c, ms) in enumerate(figures)),
    )

    [total] = queries.stats(engine)

    costs = [Fraction(cost) for cost, _ in figures if cost is not None]
    times = [ms for _, ms in figures if ms is not None]
    assert total.runtime_ms == (sum(times) if times else None)
    assert (total.cost_usd is None) == (not costs)
    assert Fraction(total.cost_usd or 0) == sum(costs)


def test_what_is_held_is_listed_chosen_and_marked(engine: Engine) -> None:
    """A replay leaves the rows where they are."""
    held = [
        a_held_delivery(b"1", received_at=NOON),
        a_held_delivery(b"2", reason="expired", received_at=NOON + HOUR),
    ]
    SqlSink(engine, Clock()).write(batch_of(quarantined=held))

    newest_first = queries.quarantined(engine)
    queries.mark_replayed(engine, newest_first[:1], NOON + 3 * HOUR)

    assert [row.event_id for row in newest_first] == [held[1].id, held[0].id]
    assert [row.reason for row in queries.quarantined(engine, reason="expired")] == ["expired"]
    assert [r.event_id for r in queries.quarantined(engine, since=NOON + HOUR)] == [held[1].id]
    assert [r.event_id for r in queries.quarantined(engine, is_replayed=False)] == [held[0].id]
    assert [r.event_id for r in queries.quarantined(engine, is_replayed=True)] == [held[1].id]
    one = queries.quarantined_one(engine, held[0].id)
    assert one is not None
    assert one.body(_Blobs(b"")) == b"1"
    names = [column.name for column in QUARANTINE.columns if column.name != "body"]
    assert list(one.as_json()) == names


def test_what_is_parked_is_listed_chosen_and_marked(engine: Engine) -> None:
    """By event id, or by the key that records without one have."""
    dead = [
        a_dead_letter(b"1", parked_at=NOON),
        a_dead_letter(b"2", event_id=None, reason="other", consumer="alerting"),
    ]
    SqlSink(engine, Clock()).write(batch_of(dead_letters=dead))

    def values(**chosen: object) -> list[bytes | None]:
        rows = queries.dead_letters(engine, **chosen)  # type: ignore[arg-type] # each its own type
        found = (queries.dead_letter(engine, row.consumer, row.dl_key) for row in rows)
        return [row.value for row in found if row is not None]

    assert sorted(values()) == [b"1", b"2"]  # type: ignore[type-var] # all have values
    assert values(event_id="deepinfra:R1:succeeded") == [b"1"]
    assert values(event_id=sha256(b"2")) == [b"2"]
    assert values(consumer="alerting") == values(reason="other") == [b"2"]
    assert values(since=NOON + HOUR) == []
    queries.mark_replayed(engine, queries.dead_letters(engine, reason="other"), NOON)
    assert values(is_replayed=False) == [b"1"]
    row = queries.dead_letters(engine, is_replayed=False)[0].as_json()
    assert list(row) == [column.name for column in DEAD_LETTERS.columns if column.name != "value"]
    assert row["key"] == "R1"
    assert row["headers"][0] == ["ce_id", "deepinfra:R1:succeeded"]


def test_the_books_say_what_is_stored(engine: Engine) -> None:
    """Under any number of ids."""
    held, dead = a_held_delivery(), a_dead_letter(b"v")
    events = [an_event(), an_event(body=b"other"), an_offloaded_event("R2")]
    SqlSink(engine, Clock()).write(batch_of(events, [held], [dead]))

    ids = [f"deepinfra:R{n}:succeeded" for n in range(2000)]
    known = queries.known(engine, [*ids, held.id], [sha256(b"v"), "unknown"])

    assert known.events == {ids[1]: sha256(BODY), ids[2]: sha256(BODY)}
    assert known.conflicts == {(ids[1], sha256(b"other"))}
    assert known.quarantine == {held.id: held.body_sha256}
    assert known.parked == {("storage", dead_letter_key(dead.event_id, sha256(b"v")))}
    assert queries.totals(engine) == {
        "events": 2,
        "conflicts": 1,
        "quarantine": 1,
        "dead_letters": 1,
    }
    assert [ref.event_id for ref in queries.references(engine)] == [ids[2]]


def test_moments_before_the_first_event_choose_all(engine: Engine) -> None:
    """Times of any zone are compared as moments."""
    _store(engine, an_event())

    assert len(queries.events(engine, since=datetime(1970, 1, 1, tzinfo=UTC))) == 1
