"""Bodies in parts, as they arrive."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from ingest.body import Parts

sizes = st.lists(st.sampled_from([1, 2, 100, 4095, 4096, 4097, 70_000]), max_size=12)


@given(sizes=sizes)
def test_parts_of_any_size_come_out_in_their_order(sizes: list[int]) -> None:
    given_parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    parts = Parts()
    for part in given_parts:
        parts.add(part)

    assert parts.size == sum(sizes)
    assert parts.joined() == b"".join(given_parts)


def test_a_body_that_trickles_in_takes_its_size() -> None:
    """Not that of as many objects as it had parts."""
    parts = Parts()
    for _ in range(100_000):
        parts.add(b"x")

    assert sys.getsizeof(parts._small) < 200_000
    assert parts.joined() == b"x" * 100_000
