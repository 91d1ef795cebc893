"""Metric values that outlive their process."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values

from bus.runtime import cells as module
from bus.runtime.cells import CellName, Cells, keep_metrics_in
from bus.runtime.families import Told, collected, counted, packed, unpacked


@pytest.fixture(autouse=True)
def _values_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)


@pytest.fixture
def cells() -> Cells:
    made = Cells.create()
    keep_metrics_in(made)
    return made


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100), st.integers(0, 5)), max_size=30)
)
def test_what_is_read_by_another_is_what_the_register_says(
    observed: list[tuple[str, float, int]],
) -> None:
    """Counters and histograms, with and without labels."""
    held = Cells.create()
    keep_metrics_in(held)
    register = CollectorRegistry()
    histogram = Histogram("h", "h", ["l"], registry=register, buckets=(1, 10, 50))
    counter = Counter("c", "c", registry=register)
    for label, value, count in observed:
        histogram.labels(label).observe(value)
        counter.inc(count)

    theirs = counted(Cells.opened(held.files).read())

    ours = collected(register)
    assert theirs["c"].samples == ours["c"].samples
    assert ("h" in theirs) == bool(observed)
    if observed:
        assert theirs["h"].samples == pytest.approx(ours["h"].samples)


def test_families_travel_as_json_and_become_the_same_page(cells: Cells) -> None:
    """But for the times at which metrics were made, which mean nothing for a sum."""
    register = CollectorRegistry()
    Counter("c", 'with "quotes"', ["l"], registry=register).labels('a"b\n').inc(1.5)
    Histogram("h", "h", registry=register).observe(math.pi)
    families = collected(register)

    arrived = unpacked(orjson.loads(orjson.dumps(packed(families))))

    assert arrived == families
    lines = generate_latest(register).splitlines()
    wanted = [line for line in lines if b"_created" not in line]
    assert generate_latest(Told(arrived)).splitlines() == wanted


def test_a_metric_beyond_the_last_cell_counts_all_the_same(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its process knows it then."""
    monkeypatch.setattr(module, "CELLS", 1)
    register = CollectorRegistry()
    kept = Counter("kept", "k", registry=register)
    alone = Counter("alone", "a", registry=register)

    kept.inc()
    alone.inc(2)

    assert [(name.family, value) for name, value in cells.read()] == [("kept", 1.0)]
    assert collected(register)["alone"].samples == {("alone_total", ()): 2.0}


def test_a_name_cut_off_by_a_kill_is_left_out() -> None:
    """The kill may come in the middle of writing it."""
    cells = Cells.create()
    cells.take(CellName("counter", "c", "c_total", {}, "c"))
    cells.floats[0] = 3
    start = len(orjson.dumps(["counter", "c", "c_total", {}, "c"])) + 1
    cells._names.view[start : start + 9] = b'["counter'

    assert [value for _, value in cells.read()] == [3.0]
