"""Derived fields: read leniently; a wrong type or range is None, never a reason to refuse."""

from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Raw

from ingest.providers.envelope import Number, read_value
from schemas.money import parse_usd

MAX_INTEGER = 2**63 - 1  # what both databases keep
_MAX_PLAIN_DIGITS = 18
MAX_WORD_CHARS = 200
MAX_MESSAGE_BYTES = 4096


def read_count(raw: Raw | None) -> int | None:
    """Return `count` of a member."""
    if raw is None:
        return None
    digits = bytes(raw)
    if len(digits) <= _MAX_PLAIN_DIGITS and digits.isdigit():
        return int(digits)  # what almost every count is: 2 µs saved
    return count(read_value(raw))


def count(value: Any) -> int | None:
    """Return a whole number from 0 to 2^63-1; 12.0 counts as 12."""
    amount_given = parse_usd_like(value)
    if amount_given is None or amount_given != amount_given.to_integral_value():
        return None
    whole = int(amount_given)
    return whole if whole <= MAX_INTEGER else None


def parse_usd_like(value: Any) -> Decimal | None:
    """Return a JSON number of plausible size exactly, None for everything else."""
    if not isinstance(value, Number) or len(value) > 64:  # noqa: PLR2004 - longer is an attack
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:  # an exponent beyond what even a Decimal holds
        return None
    return number if number >= 0 and number.adjusted() < 20 else None  # noqa: PLR2004 - > 2^63


def amount(value: Any) -> Decimal | None:
    """Return money from the number's own digits."""
    return parse_usd(value) if isinstance(value, Number) else None


def word(value: Any) -> str | None:
    """Return a short text, cut at 200 characters; None where it is empty or no text."""
    if not isinstance(value, str) or isinstance(value, Number):
        return None
    return printable(value.strip())[:MAX_WORD_CHARS] or None


def code(value: Any) -> str | None:
    """Return an error code: a word, or a number's digits."""
    return str(value)[:MAX_WORD_CHARS] if isinstance(value, Number) else word(value)


def message(value: Any) -> str | None:
    """Return a text cut at 4 KiB of UTF-8, at a character's border; None where there is none."""
    if not isinstance(value, str) or isinstance(value, Number) or not value.strip():
        return None
    cut = printable(value).encode("utf-8", "replace")[:MAX_MESSAGE_BYTES]
    return cut.decode("utf-8", "ignore")


def printable(text: str) -> str:
    """Replace NUL, which PostgreSQL's text cannot hold, by the visible symbol for it."""
    return text.replace("\x00", "\u2400")
