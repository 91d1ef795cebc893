from collections.abc import Sequence

import pytest

import benchmarks.__main__ as main_module
from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.programs import BenchError
from benchmarks.subjects.subject import Subject

FIGURE = compare("1 KB", "throughput", "1/s", [1.0], [2.0])


def fails(_bench: Bench) -> Sequence[Figure]:
    raise BenchError("no Kafka: no java")


def breaks(_bench: Bench) -> Sequence[Figure]:
    raise ZeroDivisionError("division by zero")


def works(_bench: Bench) -> Sequence[Figure]:
    return [FIGURE]


def test_a_subject_that_fails_is_reported_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {run.__name__: Subject(run.__name__, "?", ".", run) for run in (fails, breaks, works)}
    monkeypatch.setattr(main_module, "SUBJECTS", made)

    assert main_module.main(["--dry"]) == 1

    said = capsys.readouterr()
    assert "no Kafka: no java" in said.err
    assert "ZeroDivisionError: division by zero" in said.err
    assert "works (3 of 3)" in said.err
    assert '"subject":"works"' in said.out
    assert '"median":0.5' in said.out
