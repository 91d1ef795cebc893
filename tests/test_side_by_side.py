"""Which tests stay in one process, and which begin first."""

from tests.support.side_by_side import piece_of_work, place


def test_a_file_is_a_piece_of_work() -> None:
    """Whatever its tests are called."""
    one, other = "tests/unit/a/test_a.py::test_x[b::c]", "tests/unit/a/test_a.py::TestY::test_z"

    assert piece_of_work(one) == piece_of_work(other) == "tests/unit/a/test_a.py"


def test_what_shares_clusters_or_a_stack_is_one_piece() -> None:
    """Wherever in the folder it stands."""
    assert piece_of_work("tests/faults/test_spool.py::test_x") == "tests/faults/"
    assert piece_of_work("tests/system/stack/test_image.py::test_x") == "tests/system/stack/"


def test_the_longest_begin_first() -> None:
    """Fault suite and stack, then what needs servers, then the rest."""
    later_first = [
        *("tests/unit/test_a.py", "tests/contract/test_bus.py"),
        *("tests/integration/test_workers.py", "tests/system/test_up.py"),
        *("tests/system/stack/test_image.py", "tests/faults/test_spool.py"),
    ]

    assert sorted(later_first, key=place) == later_first[::-1]
