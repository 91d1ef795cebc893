"""The rows of a run become the table of the documentation."""

import json
from pathlib import Path

import pytest

from tests.faults.publish import BEGIN, END, PAGE, put_between_markers, read_rows, text_of

RUN = {"run": {"date": "2026-11-26", "machine": "2 cores", "versions": "Apache Kafka 4.4.0"}}


def row(name: str, verdict: str = "holds", **figures: object) -> dict[str, object]:
    return {"row": name, "what": f"fault {name}", "verdict": verdict, **figures}


def written(tmp_path: Path, *rows: dict[str, object]) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in (RUN, *rows)))
    return file


def test_rows_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    file = written(tmp_path, row("M"), row("ALL"), row("F10"), row("F9"))

    _, rows = read_rows([file])

    assert [each["row"] for each in rows] == ["F9", "F10", "ALL", "M"]


def test_the_last_run_of_a_row_counts(tmp_path: Path) -> None:
    file = written(tmp_path, row("F9", "FAILS I1"), row("F9", missing=0))

    _, rows = read_rows([file])

    assert [each["verdict"] for each in rows] == ["holds"]


def test_rows_that_fail_are_counted_and_shown(tmp_path: Path) -> None:
    file = written(tmp_path, row("F9", "FAILS I1", killed=2, missing=3), row("F10", killed=1))

    text = text_of(*read_rows([file]))

    assert "2 rows, 1 of them fail; 3 processes were killed" in text
    assert "| FAILS I1 |" in text
    assert "Apache Kafka 4.4.0" in text


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert put_between_markers(page, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no markers"):
        put_between_markers("nothing", "new\n")


def test_the_page_has_a_place_for_the_table() -> None:
    assert put_between_markers(PAGE.read_text(), "new\n").count("new\n") == 1
