"""How data reaches people and programs."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferbus.output import Column, complain, emit, json_line, safe

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec=None)), values, max_size=4))
def test_a_json_row_is_one_line_that_means_the_row(row: dict[str, Any]) -> None:
    """Whatever a provider put into a string, a program reads one line and the same value."""
    line = json_line(row)

    assert json.loads(line) == row
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_json_rows_hold_exact_money_and_utc_times(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"cost_usd": Decimal("1.10E-20"), "at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC)}

    emit([row], json=True, columns=())

    assert json.loads(capsys.readouterr().out) == {
        "cost_usd": "0.0000000000000000000110",
        "at": "2026-01-02T03:04:05.000006Z",
    }


def test_a_table_neutralises_what_would_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An error message of a provider cannot recolour, hide or move what is shown."""
    emit([{"message": "\x1b[31mred\u202e\x9b2J", "n": None}], json=False, columns=("message", "n"))

    out = capsys.readouterr().out
    assert r"\x1b[31mred\u202e\x9b2J" in out
    assert "\x1b" not in out


def test_a_table_takes_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Data is no markup."""
    emit([{"message": "[bold]x[/bold]"}], json=False, columns=("message",))

    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_a_piped_table_cuts_and_folds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A long id can be copied out of a file or found with grep."""
    long = "deepinfra:" + "x" * 300

    emit([{"id": long, "n": 1}], json=False, columns=("id", Column("n", "count", "right")))

    assert long in capsys.readouterr().out


def test_no_rows_are_said_beside_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty, the person is told."""
    assert emit([], json=False, columns=("id",)) == 0

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err != ""


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("first\nsecond \x1b[0m")

    assert capsys.readouterr().err == "inferbus: first second \\x1b[0m\n"


def test_safe_text_keeps_letters_of_every_script() -> None:
    assert safe("naïve 東京 😀") == "naïve 東京 😀"
