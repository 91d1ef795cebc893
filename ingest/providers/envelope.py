"""
What any provider's body is checked for, before anything is read from it.

Whatever passes here is strict UTF-8 JSON by the grammar (RFC 8259), without lone surrogates. Its
numbers may be larger than a reader's own: they are carried as they are written.
"""

import codecs
import contextlib
import json
import re
from typing import Any

import msgspec
from msgspec import Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.pieces import thinned
from ingest.providers.scanning import cut_below, nests_deeper
from ingest.providers.shapes import Members, Shape

__all__ = [
    "Members",
    "Number",
    "Shape",
    "read_id",
    "read_members",
    "read_object",
    "read_value",
    "require_shallow",
]

MAX_DEPTH = 1000
MAX_DEPTH_READ = 64
# Python counts msgspec's levels and its own frames against one limit, 1,000 by default.
_DIRECT_DEPTH = 400
# Larger bodies are never read without a look at their brackets and commas.
_FLAT_BYTES = 1 << 19
# Larger structures are no error texts; built as objects they take some 20 times their size.
_MAX_BUILT_BYTES = 65_536
_UTF8_SLICE = 1 << 20
_WHITE_SPACE = b" \t\r\n"
_BRACKETS = (b"{", b"[")
_LITERALS = {b"true": True, b"false": False, b"null": None, b"": None}
_LIST_OF_OBJECTS = re.compile(rb"\[[ \t\r\n]*\{")
_RAW = msgspec.json.Decoder(Raw)


def read_object(body: bytes, shape: Shape) -> Members:
    """
    Return the members of the body, which must be an object, their values as raw JSON.

    Raises `MalformedDelivery` with one of the reasons not-utf8, not-json, not-object,
    too-deep, duplicate-key.
    """
    _require_utf8(body)
    try:
        found = _read_flat(body, shape)
        return _read_any(body, shape) if found is None else found
    except msgspec.DecodeError as error:
        raise MalformedDelivery("not-json", str(error)) from error
    except RecursionError as error:
        raise MalformedDelivery("too-deep", "nested too deep to be read") from error


def _read_flat(body: bytes, shape: Shape) -> Members | None:
    """Return the members; None where the body is large or nests too deep for the decoder."""
    # Nearly none does. To look for it first takes as long as to read a body of many brackets.
    if len(body) > _FLAT_BYTES:
        return None
    with contextlib.suppress(RecursionError):
        return _members(body, shape)
    return None


def _read_any(body: bytes, shape: Shape) -> Members:
    shallow, cut = _shallow(body)
    for part in cut:
        _RAW.decode(thinned(part, MAX_DEPTH_READ))
    return _members(thinned(shallow, MAX_DEPTH_READ), shape)


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
    if text.startswith(b"{"):
        return shape.members(text)
    return shape.members_of_first(text) if _LIST_OF_OBJECTS.match(text) else {}


def require_shallow(raw: Raw | None) -> None:
    """Raise `MalformedDelivery` too-deep where a value that is read nests over 64 levels."""
    text = _text(raw)
    # What is read of a body is JSON by now: its brackets are closed.
    if len(text) > 2 * MAX_DEPTH_READ and nests_deeper(text, MAX_DEPTH_READ):
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
    if raw is None:
        return None
    text = bytes(raw).strip(_WHITE_SPACE)
    first = text[:1]
    if first == b'"':
        return _string(text)
    if first in _BRACKETS:
        require_shallow(raw)
        return None if len(text) > _MAX_BUILT_BYTES else _built(text, keys)
    return _LITERALS[text] if text in _LITERALS else Number(text.decode())


def _string(text: bytes) -> Any:
    # The body has been checked: without escapes its bytes are what they say. 2 µs saved.
    return json.loads(text) if b"\\" in text else text[1:-1].decode()


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


def read_id(raw: Raw | None) -> object:
    """Return the provider's id of a job as it is given, an integer as its digits."""
    given = read_value(raw)
    return _digits(given) if isinstance(given, Number) else given


def _digits(number: Number) -> str | None:
    """Return an integer's digits, None for a fraction or an exponent."""
    digits = number.removeprefix("-")
    if not digits.isdecimal():
        return None
    return "0" if digits == "0" else str(number)
