"""Retention on every engine: what is removed does not come back, whatever is read again."""

import threading
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, delete, func, select

from consumers.database import reading
from consumers.storage import pruning, queries
from consumers.storage.pruning import Pruner
from consumers.storage.sinks.base import Batch
from consumers.storage.sinks.sql import SqlSink
from consumers.storage.tables import CONFLICTS, DEAD_LETTERS, EVENTS, QUARANTINE, SEEN
from tests.support.storage import (
    NOON,
    a_dead_letter,
    a_held_delivery,
    an_event,
    batch_of,
)

DAY = timedelta(days=1)
OTHER = b'{"other":"content"}'


def prune(engine: Engine, now: datetime, days: int = 30) -> int:
    return Pruner(engine, timedelta(days=days), lambda: now, pause_s=0).prune(Event())


def count(engine: Engine, table: Table) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def ids(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.scalars(select(EVENTS.c.request_id).order_by(EVENTS.c.request_id)))


def mark_all_replayed(engine: Engine, at: datetime = NOON) -> None:
    queries.mark_replayed(engine, queries.quarantined(engine), at)
    queries.mark_replayed(engine, queries.dead_letters(engine), at)


def test_only_what_is_too_old_is_removed(engine: Engine) -> None:
    """By the moment it was received; a row on the very edge stays."""
    old = an_event("old", received_at=NOON - timedelta(microseconds=1))
    SqlSink(engine).write(
        batch_of([old, an_event("edge"), an_event("new", received_at=NOON + DAY)])
    )

    removed = prune(engine, NOON + 30 * DAY)

    assert removed == 1
    assert ids(engine) == ["edge", "new"]
    assert prune(engine, NOON + 30 * DAY) == 0


def test_reading_all_again_brings_nothing_back(engine: Engine) -> None:
    """Events, conflicts, replayed quarantine and dead letters: a second reading changes nothing."""
    sink = SqlSink(engine)
    batch = batch_of(
        [an_event(), an_event(body=OTHER), an_event("R2")], [a_held_delivery()], [a_dead_letter()]
    )
    sink.write(batch)
    mark_all_replayed(engine)
    prune(engine, NOON + 40 * DAY)
    empty = queries.totals(engine)

    again = sink.write(batch)

    assert set(empty.values()) == {0}
    assert queries.totals(engine) == empty
    assert (again.events, again.conflicts) == ([], 0)


def test_a_late_repeat_of_a_removed_event_is_no_new_event(engine: Engine) -> None:
    """A sender, or a replay, that comes months later with the same bytes."""
    sink = SqlSink(engine)
    sink.write(batch_of([an_event()]))
    prune(engine, NOON + 40 * DAY)

    late = sink.write(batch_of([an_event(received_at=NOON + 90 * DAY)]))

    assert (late.events, late.conflicts) == ([], 0)
    assert queries.totals(engine) == dict.fromkeys(queries.totals(engine), 0)


def test_news_under_a_removed_id_is_kept_as_a_conflict(engine: Engine) -> None:
    """Other bytes that nobody has seen were acknowledged: they must not be dropped."""
    sink = SqlSink(engine)
    sink.write(batch_of([an_event()]))
    prune(engine, NOON + 40 * DAY)
    news = batch_of([an_event(body=OTHER, received_at=NOON + 50 * DAY)])

    first, second = sink.write(news), sink.write(news)

    assert (first.conflicts, second.conflicts) == (1, 0)
    assert (count(engine, EVENTS), count(engine, CONFLICTS)) == (0, 1)


def test_other_bytes_from_before_are_no_news(engine: Engine) -> None:
    """The same content written otherwise was no conflict then, and its witness is gone."""
    sink = SqlSink(engine)
    spaced = an_event(body=b'{"a" : 1}')
    batch = batch_of([an_event(body=b'{"a":1}'), spaced])
    sink.write(batch)
    prune(engine, NOON + 40 * DAY)

    assert sink.write(batch).conflicts == 0
    assert count(engine, CONFLICTS) == 0


def test_a_conflict_older_than_its_event_goes_alone_and_stays_away(engine: Engine) -> None:
    """A delivery that lay in a spool comes after a younger one that was stored first."""
    sink = SqlSink(engine)
    batch = batch_of([an_event(received_at=NOON + 20 * DAY), an_event(body=OTHER)])
    sink.write(batch)

    prune(engine, NOON + 40 * DAY)
    sink.write(batch)

    assert (count(engine, EVENTS), count(engine, CONFLICTS)) == (1, 0)


def test_what_nobody_has_dealt_with_is_kept(engine: Engine) -> None:
    """Open quarantine and dead letters are the one copy of something."""
    SqlSink(engine).write(batch_of([], [a_held_delivery()], [a_dead_letter()]))

    assert prune(engine, NOON + 400 * DAY) == 0

    assert (count(engine, QUARANTINE), count(engine, DEAD_LETTERS)) == (1, 1)


def test_a_record_parked_anew_is_kept_although_its_first_letter_was_removed(
    engine: Engine,
) -> None:
    """Its replay failed again; reading the first letter again must not remove the second."""
    sink = SqlSink(engine)
    sink.write(batch_of([], [], [a_dead_letter()]))
    mark_all_replayed(engine)
    prune(engine, NOON + 40 * DAY)
    anew = a_dead_letter(parked_at=NOON + 41 * DAY)

    sink.write(batch_of([], [], [anew]))
    sink.write(batch_of([], [], [a_dead_letter()]))

    [kept] = queries.dead_letters(engine)
    assert (kept.parked_at, kept.replayed_at) == (anew.parked_at, None)


def test_more_than_a_batch_is_removed_in_several(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 7)
    SqlSink(engine).write(batch_of([an_event(f"R{n}") for n in range(30)]))

    assert prune(engine, NOON + 40 * DAY) == 30

    assert (count(engine, EVENTS), count(engine, SEEN)) == (0, 30)


def test_a_stop_is_heard_between_two_batches(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 7)
    SqlSink(engine).write(batch_of([an_event(f"R{n}") for n in range(30)]))
    stop = _SetAfter(1)

    Pruner(engine, 30 * DAY, lambda: NOON + 40 * DAY, pause_s=0).prune(stop)

    assert count(engine, EVENTS) == 23


class _SetAfter(Event):
    """Set from its n-th wait on."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        if self._left <= 0:
            self.set()
        return super().wait(0)


def test_a_failing_batch_removes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row goes only together with the note that it was there."""
    SqlSink(engine).write(batch_of([an_event()]))
    monkeypatch.setattr(pruning, "delete", _refuse)

    with pytest.raises(RuntimeError):
        prune(engine, NOON + 40 * DAY)

    assert (count(engine, EVENTS), count(engine, SEEN)) == (1, 0)


def _refuse(*_: Any) -> Any:
    raise RuntimeError("no")


def test_several_prune_while_all_is_read_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two storages that prune, two that read from the earliest offset: nothing comes back."""
    monkeypatch.setattr(pruning, "BATCH", 20)
    batches = [batch_of([an_event(f"R{n}-{m}") for m in range(20)]) for n in range(5)]
    for batch in batches:
        SqlSink(engine).write(batch)
    failures: list[Exception] = []

    def run(work: Any) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    def read_again() -> None:
        for batch in batches:
            _until_written(SqlSink(engine), batch)

    workers = [
        threading.Thread(target=run, args=(work,))
        for work in (read_again, lambda: prune(engine, NOON + 40 * DAY)) * 2
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    read_again()

    assert failures == []
    # One that both pruners found locked by a reader waits for the next round.
    prune(engine, NOON + 40 * DAY)
    assert (count(engine, EVENTS), count(engine, SEEN)) == (0, 100)


def _until_written(sink: SqlSink, batch: Batch) -> None:
    from bus.errors import Transient

    for left in reversed(range(100)):
        try:
            sink.write(batch)
        except Transient:
            if not left:
                raise
        else:
            return


_ANY = st.lists(
    st.tuples(
        st.sampled_from(["R1", "R2"]),
        # Equal content in other bytes is left out: without the body nobody can tell, so what
        # comes later is kept as a conflict.
        st.sampled_from([b'{"a":1}', b'{"a":2}', OTHER]),
        st.integers(0, 60),
    ),
    max_size=12,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=_ANY, cuts=st.lists(st.integers(20, 80), min_size=1, max_size=3))
def test_reading_again_after_pruning_adds_no_row(
    engine: Engine, said: list[tuple[str, bytes, int]], cuts: list[int]
) -> None:
    """Whatever came, in whatever order, and however often it was pruned."""
    with engine.begin() as connection:
        for table in (EVENTS, CONFLICTS, SEEN):
            connection.execute(delete(table))
    sink = SqlSink(engine)
    batch = batch_of(
        [an_event(name, body=body, received_at=NOON + day * DAY) for name, body, day in said]
    )
    sink.write(batch)

    for cut in cuts:
        prune(engine, NOON + cut * DAY)
        before = queries.totals(engine)
        sink.write(batch)
        assert queries.totals(engine) == before
