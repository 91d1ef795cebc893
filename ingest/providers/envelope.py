"""
What any provider's body is checked for, before anything is read from it.

Whatever passes here is strict UTF-8 JSON that every JSON library can read back.
"""

import itertools
import json
import re
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingest.providers.base import MalformedDelivery

MAX_DEPTH = 1000
MAX_DEPTH_READ = 64
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
# An ASCII letter or underscore written as an escape: nobody does, but it can hide a key.
_HIDDEN_LETTER = re.compile(rb"\\u00(?:5f|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_SLICE = 1 << 16

Members = Mapping[str, msgspec.Raw]
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def read_object(body: bytes, keys: Iterable[str]) -> Members:
    """
    Return the members of the top-level object, their values as raw JSON.

    `keys` are those the provider reads, at whatever depth. Raises `MalformedDelivery` with
    one of the reasons not-utf8, not-json, not-object, too-deep, duplicate-key.
    """
    _require_utf8(body)
    _require_flat(body, MAX_DEPTH)
    members = _decode(body)
    if _may_repeat(body, keys):
        _require_unique(body, frozenset(keys))
    return members


def read_value(raw: msgspec.Raw | None) -> Any:
    """
    Return a small member's value: numbers as `Number`, everything else as Python has it.

    Raises `MalformedDelivery` too-deep over 64 levels.
    """
    if raw is None:
        return None
    text = bytes(raw)
    _require_flat(text, MAX_DEPTH_READ)
    return json.loads(text, parse_int=Number, parse_float=Number)


class Number(str):
    """A JSON number as its literal: exact, whatever its size."""

    __slots__ = ()


def _require_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedDelivery("not-utf8", f"byte {error.start} is not UTF-8") from error


def _decode(body: bytes) -> Members:
    try:
        return _OBJECT.decode(body)
    except msgspec.ValidationError as error:
        raise MalformedDelivery("not-object", "the body is JSON but no object") from error
    except RecursionError as error:
        raise MalformedDelivery("too-deep", "nested too deep to be read") from error
    except msgspec.DecodeError as error:
        raise MalformedDelivery("not-json", str(error)) from error


def _require_flat(text: bytes, limit: int) -> None:
    # Counting is a memory scan; only bodies with many brackets pay for the exact walk.
    if text.count(b"[") + text.count(b"{") <= limit:
        return
    if _depth(text) > limit:
        raise MalformedDelivery("too-deep", f"more than {limit} levels of nesting")


def _depth(text: bytes) -> int:
    brackets = _STRINGS.sub(b"", text).translate(_STEP, _NOT_BRACKETS)
    level = deepest = 0
    # In slices, so that another thread gets its turn in between.
    for start in range(0, len(brackets), _SLICE):
        steps = array("b", brackets[start : start + _SLICE])
        levels = list(itertools.accumulate(steps, initial=level))
        level, deepest = levels[-1], max(deepest, *levels)
    return deepest


def _may_repeat(body: bytes, keys: Iterable[str]) -> bool:
    if any(body.count(b'"%b"' % key.encode()) > 1 for key in keys):
        return True
    return b"\\u00" in body and _HIDDEN_LETTER.search(body) is not None


class _Pairs(list[tuple[str, Any]]):
    """An object as its members in order, repeats included."""


def _require_unique(body: bytes, keys: frozenset[str]) -> None:
    try:
        top = json.loads(body, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise MalformedDelivery("too-deep", "nested too deep to be read") from error
    for place in [top, *(value for key, value in top if key in keys)]:
        if isinstance(place, _Pairs):
            _require_unique_here(place, keys)


def _require_unique_here(pairs: _Pairs, keys: frozenset[str]) -> None:
    seen: set[str] = set()
    for key, _value in pairs:
        if key in keys and key in seen:
            raise MalformedDelivery("duplicate-key", f"the key {key!r} occurs twice")
        seen.add(key)


def read_members(raw: msgspec.Raw | None) -> Members:
    """
    Return the members of a nested object, or of a list's first object; empty for the rest.

    The values stay raw: a result of megabytes is scanned, not built.
    """
    text = bytes(raw or b"").lstrip(b" \t\r\n")
    if text.startswith(b"["):
        first = next(iter(_LIST.decode(text)), None)
        text = bytes(first or b"").lstrip(b" \t\r\n")
    return _OBJECT.decode(text) if text.startswith(b"{") else {}


def integer_text(number: Number) -> str | None:
    """Return an integer's digits, None for a fraction or an exponent."""
    digits = number.removeprefix("-")
    if not digits.isdecimal():
        return None
    return "0" if digits == "0" else str(number)
