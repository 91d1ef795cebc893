"""A bounded memory forgets what nobody has asked for, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.remembered import Remembered


def test_what_was_kept_longest_ago_is_forgotten_first() -> None:
    memory = Remembered[str, int](2)

    for key, found in (("a", 1), ("b", 2), ("c", 3)):
        memory.keep(key, found)

    assert [memory.get(key) for key in "abc"] == [None, 2, 3]


def test_what_was_asked_for_stays() -> None:
    memory = Remembered[str, int](2)
    memory.keep("a", 1)
    memory.keep("b", 2)

    assert memory.get("a") == 1
    memory.keep("c", 3)

    assert [memory.get(key) for key in "abc"] == [1, None, 3]


def test_what_is_kept_anew_takes_no_other_room_and_stays() -> None:
    memory = Remembered[str, int](2)
    for key, found in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        memory.keep(key, found)

    assert [memory.get(key) for key in "abc"] == [3, None, 4]


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 8))))
def test_it_holds_the_last_ones_that_were_used(most: int, uses: list[tuple[bool, int]]) -> None:
    memory, used = Remembered[int, int](most), list[int]()
    for is_kept, key in uses:
        expected = key if key in used else None
        if is_kept:
            memory.keep(key, key)
        else:
            assert memory.get(key) == expected
        if is_kept or expected is not None:
            used = [*(each for each in used if each != key), key][-most:]
