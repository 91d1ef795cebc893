"""Which members of an object are read, and that none of them is there twice."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.scanning import Scan

# An ASCII letter or underscore written as an escape: nobody does, but it can hide a key.
_HIDDEN_LETTER = re.compile(rb"\\u00(?:5f|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
# Envelopes have a dozen members; each costs a call into Python and 200 bytes.
_MAX_LISTED = 256
# To look for names takes longer than to list them from here on.
_SMALL_BYTES = 8192
# One search through 8 MB of members takes 45 ms, in which no other thread runs.
_SLICE = 1 << 18
_LONGEST_NAME = 256  # quoted, each of its letters as an escape
_COLON = re.compile(rb"[ \t\r\n]*:")
_NULL = Raw(b"null")

Members = Mapping[str, Raw]


class _Key:
    """One member's name. Equal to nothing else: a repeated name is a second key."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_Listed = dict[_Key, Raw]


class _TooManyMembersError(Exception):
    """They are not worth listing one by one."""


class _Budget(threading.local):
    """How many members the object that this thread reads may still have."""

    left = 0


_budget = _Budget()


def _list_key(kind: type, name: Any) -> Any:
    del kind
    _budget.left -= 1
    if _budget.left < 0:
        raise _TooManyMembersError
    return _Key(name)


class _First(msgspec.Struct, array_like=True):
    item: _Listed


class _FirstPlain(msgspec.Struct, array_like=True):
    item: dict[str, Raw]


_PLAIN = msgspec.json.Decoder(dict[str, Raw])
_FIRST_PLAIN = msgspec.json.Decoder(_FirstPlain)
_LISTED = msgspec.json.Decoder(_Listed, dec_hook=_list_key)
_FIRST_LISTED = msgspec.json.Decoder(_First, dec_hook=_list_key)


class Shape:
    """
    Which members of an object are looked at; all others are skipped, not built.

    Those in `read` may occur once only: were one repeated, two parsers could read two
    results. For those in `seen` only their presence counts.

    A small text in which no name of a member occurs twice is decoded as it is. Of others one
    pass of the decoder in C lists every member, repeated ones too, at 1.5 µs for 1 KB and a
    call into Python for each. To search the text for repeated names is left for objects of
    very many members.
    """

    def __init__(self, read: Iterable[str], seen: Iterable[str] = ()) -> None:
        self._read = frozenset(read)
        self._names = tuple(dict.fromkeys([*read, *seen]))
        self._known = frozenset(self._names)
        self._quoted = {name: f'"{name}"'.encode() for name in self._read}
        self._plain = _pattern(read, re.escape)
        self._escaped = _pattern(read, _escapable)

    def members(self, text: bytes) -> Members:
        """Return the raw values of an object's members, those that are null left out."""
        if _is_plain(text) and not self._may_repeat(text, found := _PLAIN.decode(text)):
            return self._present(found)
        _budget.left = _MAX_LISTED
        try:
            listed = _LISTED.decode(text)
        except _TooManyMembersError:
            return self._searched(text)
        return self._picked(listed)

    def members_of_first(self, text: bytes) -> Members:
        """Return those of the object that is the first item of a list."""
        if _is_plain(text) and not self._may_repeat(text, found := _FIRST_PLAIN.decode(text).item):
            return self._present(found)
        _budget.left = _MAX_LISTED
        try:
            listed = _FIRST_LISTED.decode(text).item
        except _TooManyMembersError:
            return self._searched(_first_item(text))
        return self._picked(listed)

    def _may_repeat(self, text: bytes, found: Members) -> bool:
        """Tell whether a name occurs twice anywhere, as a key on any level or as a text."""
        quoted = self._quoted
        return any(name in quoted and text.count(quoted[name]) > 1 for name in found)

    def _present(self, found: Members) -> Members:
        known = self._known
        return {name: raw for name, raw in found.items() if name in known and raw != _NULL}

    def _picked(self, listed: _Listed) -> Members:
        picked: dict[str, Raw] = {}
        for key, raw in listed.items():
            name = key.name
            if name not in self._known:
                continue
            if name in picked and name in self._read:
                raise _twice(name)
            picked[name] = raw
        return {name: raw for name, raw in picked.items() if raw != _NULL}

    def _searched(self, text: bytes) -> Members:
        names = self._occurring(text)
        found = _decoder(names).decode(text)
        self._require_unique(text)
        values = ((name, getattr(found, name)) for name in names)
        return {name: raw for name, raw in values if raw is not UNSET and raw != _NULL}

    def _occurring(self, text: bytes) -> tuple[str, ...]:
        """Return the names that may be there: for a few 8 MB of members take 7 ms, for all 23."""
        if b"\\u00" in text:  # what may hide a name
            return self._names
        return tuple(name for name in self._names if f'"{name}"'.encode() in text)

    def _require_unique(self, text: bytes) -> None:
        hides = b"\\u00" in text and _HIDDEN_LETTER.search(text) is not None
        places: dict[str, list[int]] = defaultdict(list)
        for match in _matches(self._escaped if hides else self._plain, text):
            places[json.loads(match[1].join((b'"', b'"')))].append(match.start())
        for key, starts in places.items():
            if len(starts) > 1 and _own_keys(text, starts) > 1:
                raise _twice(key)


@lru_cache(maxsize=64)
def _decoder(names: tuple[str, ...]) -> Any:
    """Return what reads these members of an object and skips the others."""
    fields: list[tuple[str, Any, Any]] = [(name, Raw, UNSET) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields))


def _is_plain(text: bytes) -> bool:
    """Tell whether a text is small and its names are written as they are."""
    return len(text) <= _SMALL_BYTES and b"\\u00" not in text


def _matches(names: re.Pattern[bytes], text: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the quoted names that a colon follows; other threads get their turn in between."""
    for begin in range(0, len(text), _SLICE):
        for match in names.finditer(text, begin, begin + _SLICE + _LONGEST_NAME):
            if match.start() < begin + _SLICE and _COLON.match(text, match.end()):
                yield match


def _twice(key: str) -> MalformedDelivery:
    return MalformedDelivery("duplicate-key", f"the key {key!r} occurs twice")


class _FirstRaw(msgspec.Struct, array_like=True):
    item: Raw


_FIRST_RAW = msgspec.json.Decoder(_FirstRaw)


def _first_item(text: bytes) -> bytes:
    return bytes(_FIRST_RAW.decode(text).item)


def _pattern(keys: Iterable[str], write: Any) -> re.Pattern[bytes]:
    # A key's quote never follows a backslash: such a one stands inside a string. The quote
    # comes first so that the search runs from quote to quote, at memory speed.
    either = "|".join(map(write, keys))
    return re.compile(rf'"(?<!\\")({either})"'.encode())


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
