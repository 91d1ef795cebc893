"""Places where a test can have the process killed."""

from bus.failpoints import make_reach


def test_it_dies_at_the_named_place_and_count() -> None:
    """Not before, and not at other places."""
    deaths: list[str] = []
    reach = make_reach({"INFERBUS_TEST_FAILPOINT": "after-write:2"}, lambda: deaths.append("died"))

    reach("after-poll")
    reach("after-write")
    assert deaths == []

    reach("after-write")
    assert deaths == ["died"]


def test_the_first_time_is_meant_where_no_count_is_said() -> None:
    deaths: list[str] = []
    make_reach({"INFERBUS_TEST_FAILPOINT": "after-park"}, lambda: deaths.append("died"))(
        "after-park"
    )
    assert deaths == ["died"]


def test_nothing_dies_where_none_is_set() -> None:
    deaths: list[str] = []
    make_reach({}, lambda: deaths.append("died"))("after-poll")
    assert deaths == []
