"""How `make test` shares the tests among its processes."""

import random

from tests.support.lanes import piece, rank

STACK = "tests/system/stack"
TESTS = [
    "tests/faults/test_brokers.py::test_f5_whole_cluster_down",
    "tests/unit/ingest/test_body.py::test_one",
    "tests/test_docs.py::test_one",
    f"{STACK}/test_restarts.py::test_kafka_may_be_away",
    "tests/integration/test_workers.py::test_one[2-a::b]",
    "tests/integration/test_security.py::test_one",
    "tests/system/test_up.py::test_it_says_where_everything_is",
    "tests/contract/test_bus.py::test_one",
    "tests/integration/test_examples.py::test_one",
]


def test_the_longest_comes_first_and_then_what_needs_no_server() -> None:
    """
    Unit tests run while servers are prepared; nothing long, and nothing that waits, is left.

    What waits runs beside what does not.
    """
    shuffled = random.Random(1).sample(TESTS, len(TESTS))  # noqa: S311 - no secret

    assert sorted(shuffled, key=rank) == TESTS


def test_no_two_fault_rows_run_at_once() -> None:
    """Each measures a system on a machine that it must not share with another outage."""
    assert piece("tests/faults/test_brokers.py::a") == piece("tests/faults/test_up_kill.py::b")


def test_no_two_stacks_run_at_once() -> None:
    """Each is brought up once, and the machine is small."""
    assert len({piece(f"{STACK}/test_{name}.py::a") for name in ("everything", "image")}) == 1


def test_files_that_use_the_same_clusters_run_in_a_row() -> None:
    """Each cluster is started once."""
    names = ("secured_services", "workers", "direct_publisher", "kafka_fixture")
    files = [f"tests/integration/test_{name}.py::a" for name in names]

    other, *clustered = sorted(files, key=rank)

    assert clustered == [files[2], files[3], files[0]]
    assert len({piece(file) for file in clustered} - {piece(other)}) == 1


def test_no_file_is_split() -> None:
    """The fixtures of a module are made once."""
    one = "tests/integration/test_workers.py::test_one[2-a::b]"

    assert piece(one) == piece("tests/integration/test_workers.py::test_two")
    assert piece(one) != piece("tests/integration/test_relay.py::test_two")
