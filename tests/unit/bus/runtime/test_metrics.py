"""Many values at once leave what each by itself leaves."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from bus.runtime.metrics import observe_all

BOUNDS = (0.5, 1.0, 2.0)
values = st.sampled_from([0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 1e9]) | st.floats(0, 4)


def samples(registry: CollectorRegistry) -> list[tuple[str, float]]:
    """Return every sample but the moment the histogram was made."""
    return [
        (f"{sample.name}{sample.labels}", round(sample.value, 6))
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]


@given(st.lists(values))
def test_a_histogram_counts_them_all(observed: list[float]) -> None:
    together, singly = CollectorRegistry(), CollectorRegistry()
    observe_all(Histogram("h", "x", buckets=BOUNDS, registry=together), observed)
    histogram = Histogram("h", "x", buckets=BOUNDS, registry=singly)
    for value in observed:
        histogram.observe(value)

    assert samples(together) == samples(singly)
