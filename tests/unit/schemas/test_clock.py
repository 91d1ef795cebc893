"""Time as it is written on the bus."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import parse_rfc3339, rfc3339
from tests.support.strategies import moments


@given(moments)
def test_a_moment_survives_writing_and_reading(moment: datetime) -> None:
    """Microseconds are kept, and the text always has the same 27 characters' shape."""
    text = rfc3339(moment)

    assert parse_rfc3339(text) == moment
    assert len(text) == len("2026-11-24T08:00:00.000000Z")


def test_moments_are_written_in_utc() -> None:
    """A moment in another zone is the same moment, written in UTC."""
    berlin = timezone(timedelta(hours=1))

    assert rfc3339(datetime(2026, 11, 24, 9, tzinfo=berlin)) == "2026-11-24T08:00:00.000000Z"
    assert parse_rfc3339("2026-11-24T09:00:00+01:00") == datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-24T08:00:00", "yesterday", "", "0001-01-01T00:00:00+23:59"]
)
def test_what_is_no_moment_is_a_value_error(text: str) -> None:
    """No zone, no date, or outside of what can be held in UTC."""
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_in_utc_or_a_value_error(text: str) -> None:
    """Nothing but ValueError leaves the parser."""
    try:
        moment = parse_rfc3339(text)
    except ValueError:
        return
    assert moment.tzinfo is UTC
