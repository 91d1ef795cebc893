"""Durations and moments as people type and read them."""

import re
from datetime import UTC, datetime, timedelta

from inferbus.errors import WrongUsageError

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `2h`, `7d` or `1w`; raises `WrongUsageError`."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _UNIT_S[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise WrongUsageError(f"{text!r} is no duration: write 90s, 30m, 2h, 7d or 1w")
    return timedelta(seconds=seconds)


def parse_since(text: str, now: datetime) -> datetime:
    """Read `2h` as that long before `now`, or an RFC 3339 time; raises `WrongUsageError`."""
    from schemas.clock import parse_rfc3339  # --help need not load its encoder

    try:
        return parse_rfc3339(text)
    except ValueError:
        pass
    try:
        return now.astimezone(UTC) - parse_duration(text)
    except WrongUsageError:
        raise WrongUsageError(
            f"{text!r} is no time: write 30m, 2h, 7d or 2026-01-31T12:00:00Z"
        ) from None


def human_duration(seconds: float) -> str:
    """Write a duration in its two largest units: `6 d 23 h`."""
    left = int(abs(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def human_expiry(expires_at: int | None, now_s: float) -> str:
    """Say when something ends, seen from `now_s`; both are unix seconds."""
    if expires_at is None:
        return "never"
    left = expires_at - now_s
    moment = _moment(expires_at)
    if left < 0:
        return f"expired {human_duration(left)} ago{moment}"
    return f"in {human_duration(left)}{moment}"


def _moment(unix_s: int) -> str:
    try:
        return f" ({datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC)"
    except (OverflowError, ValueError, OSError):
        return ""  # beyond the year 9999 the calendar ends, not the number
