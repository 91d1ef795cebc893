"""Values as both databases can keep them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from consumers.columns import Moment, Money, plain_text

SQLITE = sqlite.dialect()
POSTGRESQL = postgresql.dialect()


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Only what no column can hold is touched."""
    assert plain_text(text) == text


@given(st.text(alphabet=st.characters(categories=["Cs", "L", "Cc", "So"])))
def test_any_text_becomes_text_that_both_can_keep(text: str) -> None:
    """It can be encoded, has no NUL, and is not replaced a second time."""
    kept = plain_text(text)

    kept.encode()
    assert "\x00" not in kept
    assert plain_text(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("\udc00x\ud800y", "\ufffdx\ufffdy"),
        ("\ud83d\ude00", "\U0001f600"),
    ],
)
def test_what_cannot_be_kept_is_replaced(text: str, kept: str) -> None:
    """Two surrogates that belong together are one character."""
    assert plain_text(text) == kept


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_sqlite_sorts_moments_as_time_does(one: datetime, other: datetime) -> None:
    """Text of fixed width, from year 1 to 9999."""
    texts = [Moment().process_bind_param(moment, SQLITE) for moment in (one, other)]

    assert all(isinstance(text, str) and len(text) == 27 for text in texts)
    assert (str(texts[0]) < str(texts[1])) == (one < other)
    assert Moment().process_result_value(texts[0], SQLITE) == one


def test_moments_are_kept_in_utc() -> None:
    """Whatever zone they come in."""
    berlin = datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=1)))

    assert Moment().process_bind_param(berlin, SQLITE) == "2026-11-24T08:00:00.000000Z"
    assert Moment().process_bind_param(berlin, POSTGRESQL) == berlin
    found = Moment().process_result_value(berlin, POSTGRESQL)
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=["sqlite", "postgresql"])
def test_a_moment_without_a_zone_is_refused(dialect: sqlite.dialect) -> None:
    """Nobody could say when it was."""
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2026, 11, 24), dialect)  # noqa: DTZ001 - refused


@pytest.mark.parametrize(
    ("amount", "text"), [("1E+2", "100"), ("1E-7", "0.0000001"), ("0.10", "0.10")]
)
def test_sqlite_keeps_money_as_plain_text(amount: str, text: str) -> None:
    """No exponent, every digit."""
    assert Money().process_bind_param(Decimal(amount), SQLITE) == text
    assert Money().process_result_value(text, SQLITE) == Decimal(amount)
