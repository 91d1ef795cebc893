"""Durations and moments as people type and read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferbus.errors import WrongUsageError
from inferbus.times import human_duration, human_expiry, parse_duration, parse_since

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("1w", timedelta(weeks=1)),
        (" 7 D ", timedelta(days=7)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "-1h", "0s", "1y", "999999999w", "٣h x"])
def test_what_is_no_duration_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(WrongUsageError) as caught:
        parse_duration(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_wrong_usage(text: str) -> None:
    """Nothing a person types ends in a traceback."""
    try:
        assert parse_since(text, NOW).tzinfo is not None
    except WrongUsageError as error:
        assert "write" in str(error)  # noqa: PT017 - either way out is right


def test_since_is_a_duration_back_or_a_moment() -> None:
    assert parse_since("2h", NOW) == NOW - timedelta(hours=2)
    assert parse_since("2026-01-31T12:00:00+02:00", NOW) == datetime(2026, 1, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7200, "2 h"), (90061, "1 d 1 h")],
)
def test_durations_are_written_in_two_units(seconds: float, expected: str) -> None:
    assert human_duration(seconds) == expected


def test_an_expiry_is_told_from_now() -> None:
    at = int(NOW.timestamp())

    assert human_expiry(None, at) == "never"
    assert human_expiry(at + 3600, at) == "in 1 h (2026-03-01 13:00 UTC)"
    assert human_expiry(at - 60, at) == "expired 1 min ago (2026-03-01 11:59 UTC)"
    assert human_expiry(10**18, at).startswith("in ")
