"""
What any provider's body is checked for, before anything is read from it.

Whatever passes here is strict UTF-8 JSON by the grammar (RFC 8259), without lone surrogates. Its
numbers may be larger than a reader's own: they are carried as they are written.
"""

import codecs
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.scanning import Scan, cut_below, nests_deeper

MAX_DEPTH = 1000
MAX_DEPTH_READ = 64
# Python counts msgspec's levels and its own frames against one limit, 1,000 by default.
_DIRECT_DEPTH = 400
# Larger structures are no error texts; built as objects they take some 20 times their size.
_MAX_BUILT_BYTES = 65_536
_UTF8_SLICE = 1 << 20
_WHITE_SPACE = b" \t\r\n"
# An ASCII letter or underscore written as an escape: nobody does, but it can hide a key.
_HIDDEN_LETTER = re.compile(rb"\\u00(?:5f|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_RAW = msgspec.json.Decoder(Raw)

Members = Mapping[str, Raw]


class _First(msgspec.Struct, array_like=True):
    item: Raw = Raw(b"null")


_FIRST = msgspec.json.Decoder(_First)


class Shape:
    """
    Which members of an object are looked at; all others are skipped, not built.

    Those in `read` may occur once only: were one repeated, two parsers could read two
    results. For those in `seen` only their presence counts.
    """

    def __init__(self, read: Iterable[str], seen: Iterable[str] = ()) -> None:
        self._names = tuple(dict.fromkeys([*read, *seen]))
        fields: list[tuple[str, Any, Any]] = [(name, Raw, UNSET) for name in self._names]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Members", fields))
        self._plain = _pattern(read, re.escape)
        self._escaped = _pattern(read, _escapable)

    def members(self, text: bytes) -> Members:
        """Return the raw values of an object's members, those that are null left out."""
        found = self._decoder.decode(text)
        self._require_unique(text)
        values = ((name, getattr(found, name)) for name in self._names)
        return {name: raw for name, raw in values if raw is not UNSET and not _is_null(raw)}

    def _require_unique(self, text: bytes) -> None:
        hides = b"\\u00" in text and _HIDDEN_LETTER.search(text) is not None
        places: dict[str, list[int]] = defaultdict(list)
        for match in (self._escaped if hides else self._plain).finditer(text):
            places[json.loads(match[1].join((b'"', b'"')))].append(match.start())
        for key, starts in places.items():
            if len(starts) > 1 and _own_keys(text, starts) > 1:
                raise MalformedDelivery("duplicate-key", f"the key {key!r} occurs twice")


def _is_null(raw: Raw) -> bool:
    # Looked at by length first: a member may be megabytes.
    return len(memoryview(raw)) == len(b"null") and bytes(raw) == b"null"


def _pattern(keys: Iterable[str], write: Any) -> re.Pattern[bytes]:
    # A key's quote never follows a backslash: such a one stands inside a string. The quote
    # comes first so that the search runs from quote to quote, at memory speed.
    either = "|".join(map(write, keys))
    return re.compile(rf'"(?<!\\")({either})"[ \t\r\n]*:'.encode())


def _escapable(key: str) -> str:
    return "".join(rf"(?:{letter}|\\u00(?i:{ord(letter):02x}))" for letter in key)


def _own_keys(text: bytes, starts: Iterable[int]) -> int:
    """Count the positions that stand in the outermost object itself."""
    scan = Scan(text)
    own = 0
    for start in starts:
        scan.advance(start)
        own += scan.level == 1 and not scan.is_in_string
    return own


def read_object(body: bytes, shape: Shape) -> Members:
    """
    Return the members of the body, which must be an object, their values as raw JSON.

    Raises `MalformedDelivery` with one of the reasons not-utf8, not-json, not-object,
    too-deep, duplicate-key.
    """
    _require_utf8(body)
    try:
        shallow, cut = _shallow(body)
        for part in cut:
            _RAW.decode(part)
        return _members(shallow, shape)
    except msgspec.DecodeError as error:
        raise MalformedDelivery("not-json", str(error)) from error
    except RecursionError as error:
        raise MalformedDelivery("too-deep", "nested too deep to be read") from error


def _shallow(body: bytes) -> tuple[bytes, list[bytes]]:
    if not nests_deeper(body, _DIRECT_DEPTH):
        return body, []
    if nests_deeper(body, MAX_DEPTH):
        raise MalformedDelivery("too-deep", f"more than {MAX_DEPTH} levels of nesting")
    return cut_below(body, _DIRECT_DEPTH)


def _members(text: bytes, shape: Shape) -> Members:
    if text.lstrip(_WHITE_SPACE).startswith(b"{"):
        return shape.members(text)
    _RAW.decode(text)
    raise MalformedDelivery("not-object", "the body is JSON but no object")


def _require_utf8(body: bytes) -> None:
    if body.isascii():
        return
    at = 0
    while at < len(body):
        end = at + _UTF8_SLICE
        try:
            at += codecs.utf_8_decode(body[at:end], "strict", end >= len(body))[1]
        except UnicodeDecodeError as error:
            where = at + error.start
            raise MalformedDelivery("not-utf8", f"byte {where} is not UTF-8") from error


def read_members(raw: Raw | None, shape: Shape) -> Members:
    """
    Return the members of a nested object, or of a list's first object; empty for the rest.

    The values stay raw: a result of megabytes is scanned, not built.
    """
    text = _text(raw)
    if text.startswith(b"["):
        text = _text(_FIRST.decode(text).item)
    return shape.members(text) if text.startswith(b"{") else {}


def require_shallow(raw: Raw | None) -> None:
    """Raise `MalformedDelivery` too-deep where a value that is read nests over 64 levels."""
    if nests_deeper(_text(raw), MAX_DEPTH_READ):
        raise MalformedDelivery("too-deep", f"more than {MAX_DEPTH_READ} levels in what is read")


class Number(str):
    """A JSON number as its literal: exact, whatever its size."""

    __slots__ = ()


def read_value(raw: Raw | None, keys: frozenset[str] = frozenset()) -> Any:
    """
    Return a small member's value: numbers as `Number`, everything else as Python has it.

    None for a structure of over 64 KiB. Raises `MalformedDelivery`: too-deep over 64 levels,
    duplicate-key where an object within it has one of the `keys` twice.
    """
    text = _text(raw)
    if text[:1] in (b"{", b"["):
        require_shallow(raw)
        return None if len(text) > _MAX_BUILT_BYTES else _built(text, keys)
    if text[:1].isdigit() or text[:1] == b"-":
        return Number(text.decode())
    return json.loads(text) if text else None


def _built(text: bytes, keys: frozenset[str]) -> Any:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            _refuse_repeats([key for key, _ in pairs if key in keys])
        return built

    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=build)


def _refuse_repeats(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise MalformedDelivery("duplicate-key", f"the key {name!r} occurs twice")


def _text(raw: Raw | None) -> bytes:
    return b"" if raw is None else bytes(raw).strip(_WHITE_SPACE)


def integer_text(number: Number) -> str | None:
    """Return an integer's digits, None for a fraction or an exponent."""
    digits = number.removeprefix("-")
    if not digits.isdecimal():
        return None
    return "0" if digits == "0" else str(number)
