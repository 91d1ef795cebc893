"""The counters of several processes as those of one service, whichever of them still run."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bus.runtime.cells import Cells, keep_metrics_in
from bus.runtime.families import Families, collected
from inferbus.workers.books import CUT_REASON, Books


class Process:
    """The metrics that an ingest has, in cells as a worker keeps them."""

    def __init__(self) -> None:
        self.cells = Cells.create()
        self.register = register = CollectorRegistry()
        keep_metrics_in(self.cells)
        self.received = Counter("inferbus_deliveries_received", "r", registry=register)
        names = ["provider", "status"]
        self.answered = Counter("inferbus_deliveries", "a", names, registry=register)
        self.refused = Counter("inferbus_refused", "n", ["reason"], registry=register)
        self.inflight = Gauge("inferbus_inflight", "i", registry=register)
        self.oldest = Gauge("inferbus_spool_oldest_seconds", "o", registry=register)
        self.seconds = Histogram("inferbus_s", "s", ["t"], registry=register, buckets=(1, 2))
        # A process has one register; here the next one made would get what comes late.
        self.answered.labels("deepinfra", "published")
        self.seconds.labels("a")

    def deliver(self, *, answer: str | None = "published") -> None:
        self.received.inc()
        self.inflight.inc()
        if answer is not None:
            self.answered.labels("deepinfra", answer).inc()
            self.inflight.dec()

    def told(self) -> Families:
        return collected(self.register)


@pytest.fixture(autouse=True)
def _values_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    from prometheus_client import values

    monkeypatch.setattr(values, "ValueClass", values.ValueClass)


@pytest.fixture
def processes() -> list[Process]:
    return [Process(), Process(), Process()]


def value(families: Families, name: str, **labels: str) -> float:
    """Return one sample, by its full name."""
    for family in families.values():
        for (sample, words), number in family.samples.items():
            if sample == name and dict(words) == labels:
                return number
    raise AssertionError(f"{name} {labels} is not there")


def answered(families: Families) -> float:
    return sum(families["inferbus_deliveries"].samples.values())


def test_counts_and_gauges_are_summed_and_ages_are_not(processes: list[Process]) -> None:
    """Two in flight here and one there are three; an entry is no older for being one of two."""
    own, one, other = processes
    for _ in range(3):
        one.deliver()
    one.deliver(answer=None)
    other.deliver(answer=None)
    other.deliver(answer=None)
    one.oldest.set(7)
    other.oldest.set(5)
    one.seconds.labels("a").observe(0.5)
    other.seconds.labels("a").observe(1.5)
    books = Books()
    books.told(0, one.told())
    books.told(1, other.told())

    total = books.total(own.told())

    assert value(total, "inferbus_deliveries_received_total") == 6
    assert value(total, "inferbus_deliveries_total", provider="deepinfra", status="published") == 3
    assert value(total, "inferbus_inflight") == 3
    assert value(total, "inferbus_spool_oldest_seconds") == 7
    assert value(total, "inferbus_s_bucket", t="a", le="1.0") == 1
    assert value(total, "inferbus_s_bucket", t="a", le="2.0") == 2
    assert value(total, "inferbus_s_count", t="a") == 2
    assert value(total, "inferbus_s_sum", t="a") == 2.0


def test_nothing_a_killed_process_counted_vanishes(processes: list[Process]) -> None:
    """Not even what it counted after it was last asked; gauges end with it."""
    own, one, _ = processes
    one.deliver()
    books = Books()
    books.told(0, one.told())
    one.deliver()
    one.seconds.labels("a").observe(0.5)
    one.seconds.labels("a").observe(9.0)

    assert books.ended(0, one.cells) == 0

    total = books.total(own.told())
    assert value(total, "inferbus_deliveries_received_total") == 2
    assert answered(total) == 2
    assert value(total, "inferbus_inflight") == 0
    assert value(total, "inferbus_s_bucket", t="a", le="2.0") == 1
    assert value(total, "inferbus_s_bucket", t="a", le="+Inf") == 2
    assert value(total, "inferbus_s_count", t="a") == 2


def test_deliveries_that_died_with_their_worker_are_refused(processes: list[Process]) -> None:
    """Received is what was answered and what is in flight, also after a kill."""
    own, one, _ = processes
    one.deliver()
    one.deliver(answer=None)
    books = Books()

    assert books.ended(0, one.cells) == 1

    total = books.total(own.told())
    assert answered(total) == value(total, "inferbus_deliveries_received_total") == 2
    assert value(total, "inferbus_refused_total", reason=CUT_REASON) == 1


def test_counters_go_on_from_where_the_one_before_ended(processes: list[Process]) -> None:
    """A replacement begins at zero, the service does not."""
    own, one, replacement = processes
    one.deliver()
    books = Books()
    books.ended(0, one.cells)
    replacement.deliver()
    books.told(0, replacement.told())

    assert value(books.total(own.told()), "inferbus_deliveries_received_total") == 2


def test_what_lies_in_no_cell_stays_as_it_was_last_told(processes: list[Process]) -> None:
    """The time a process has used is the library's own counter: it must not fall either."""
    own, one, _ = processes
    books = Books()
    told = one.told()
    used: Any = Counter("process_cpu_seconds", "c", registry=(other := CollectorRegistry()))
    used.inc(3)
    books.told(0, {**told, **collected(other)})

    books.ended(0, one.cells)

    assert value(books.total(own.told()), "process_cpu_seconds_total") == 3
