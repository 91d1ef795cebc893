"""Money as exact decimal text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import parse_usd, plain
from tests.support.strategies import amounts, json_numbers


@given(amounts())
def test_an_amount_survives_writing_and_reading(amount: Decimal) -> None:
    """Every digit comes back, 12 before the point and 40 behind it."""
    read = parse_usd(plain(amount))

    assert read is not None
    assert read.as_tuple() == amount.as_tuple()


@given(json_numbers)
def test_any_json_number_is_an_exact_amount_or_none(literal: str) -> None:
    """What is kept equals what was sent; what is implausible is left out, nothing raises."""
    amount = parse_usd(literal)

    if amount is not None:
        assert amount == Decimal(literal)
        assert "e" not in plain(amount).lower()
        assert not plain(amount).startswith("-")


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("0.0001140000022132881", "0.0001140000022132881"),
        ("1.50", "1.50"),
        ("1.14e-4", "0.000114"),
        ("2E3", "2000"),
        ("-0.0", "0.0"),
        ("0e9", "0"),
        ("123456789012.0123456789012345678901234567890123456789",) * 2,
    ],
)
def test_amounts_are_written_plainly(literal: str, text: str) -> None:
    """No exponent, no sign, no digit more or less."""
    amount = parse_usd(literal)

    assert amount is not None
    assert plain(amount) == text


@pytest.mark.parametrize(
    "literal", ["-0.01", "1e12", "1e999", "1e-41", "NaN", "Infinity", "sNaN", "", "x", "1,5"]
)
def test_no_plausible_amount_is_none(literal: str) -> None:
    """A wrong or hostile cost never becomes money, and never raises."""
    assert parse_usd(literal) is None


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_none(literal: str) -> None:
    """Reading never raises."""
    amount = parse_usd(literal)

    assert amount is None or amount >= 0
