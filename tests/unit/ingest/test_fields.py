"""Derived fields: lenient, bounded, never a reason to refuse a delivery."""

from decimal import Decimal
from typing import Any

import pytest

from ingest.providers.envelope import Number
from ingest.providers.fields import MAX_INTEGER, code, count, message, parse_usd_like, word


@pytest.mark.parametrize(
    ("literal", "whole"),
    [("0", 0), ("12", 12), ("12.0", 12), ("1.2e1", 12), (str(MAX_INTEGER), MAX_INTEGER)],
)
def test_a_whole_number_is_a_count(literal: str, whole: int) -> None:
    """However it is written."""
    assert count(Number(literal)) == whole


@pytest.mark.parametrize(
    "literal",
    [
        *("-1", "0.5", str(MAX_INTEGER + 1), "1e19", "1e999", "1e-999"),
        # A number of 5,000 digits is never made: its work grows with the square of its length.
        *("9" * 5_000, "12." + "0" * 5_000, "1e" + "9" * 50),
    ],
)
def test_no_other_number_is(literal: str) -> None:
    """Negative, broken, larger than a database keeps, or written to cost time."""
    assert count(Number(literal)) is None


@pytest.mark.parametrize("value", [None, True, "12", [], {}, ["12"]])
def test_what_is_no_number_is_no_count(value: Any) -> None:
    """A text of digits neither."""
    assert count(value) is None
    assert parse_usd_like(value) is None


def test_a_number_keeps_its_digits() -> None:
    """As many as a double has, and more."""
    assert parse_usd_like(Number("0.0001140000022132881")) == Decimal("0.0001140000022132881")


def test_texts_are_cut_where_a_character_ends() -> None:
    """Words at 200 characters, messages at 4 KiB."""
    assert word("é" * 300) == "é" * 200
    assert message("é" * 4_000) == "é" * 2_048
    assert code(Number("9" * 300)) == "9" * 200


def test_nothing_readable_is_none() -> None:
    """Blank, or no text."""
    assert [word(v) for v in ("", "  ", None, 1, [])] == [None] * 5
    assert [message(v) for v in ("", " \n", None, 1, {})] == [None] * 5
