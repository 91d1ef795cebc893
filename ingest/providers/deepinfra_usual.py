"""
DeepInfra's bodies as nearly all of them are, read in one pass of the decoder in C.

Without an error, every field of its usual type, no name twice, few brackets. All others are left
to the reader that knows every case. It says the same of these and takes twice as long, for it
looks at each member by itself, and reads large results twice.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from ingest.providers.fields import MAX_INTEGER, word
from ingest.providers.scanning import occurs_up_to
from schemas.event import EventError
from schemas.money import parse_usd

_LARGEST_BYTES = 1 << 19
# A search for names runs at 1.5 GB/s; to jump from quote to quote is sooner from here on, where
# there are as few as in a body of one large text or of numbers: 13 µs at 64 KB, not 43.
_SEARCHED_BYTES = 24_576
_MOST_QUOTES = 64
# So few brackets nest in no way that matters.
_MOST_BRACKETS = 32
_NULL = Raw(b"null")
# Orders of names that are remembered, and how many names each has at most: some 2 KB.
_REMEMBERED = 512
_MOST_REMEMBERED = 32

_Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)] | None
_Word = str | None
_Kinds = tuple[tuple[str, str], ...]
"""Names of task fields and what they say was made."""


class Said(msgspec.Struct, gc=False):
    """What a body says of its job."""

    provider_status: str
    request: object
    model: str | None
    runtime_ms: int | None
    cost_usd: Decimal | None
    tokens_input: int | None
    tokens_output: int | None
    output_kind: str | None
    error: EventError | None
    inner_status: str | None


class _Status(msgspec.Struct, gc=False):
    status: str
    runtime_ms: _Count = None
    cost: Raw = _NULL
    tokens_generated: _Count = None
    tokens_input: _Count = None


_TOKENS = ("num_tokens", "num_input_tokens", "input_tokens")
_READ = frozenset({"request_id", "inference_status", "results", "model", *_TOKENS}).union(
    _Status.__struct_fields__
)
# A key that is written without escapes; a quote inside a string follows a backslash.
_KEY = re.compile(rb'"([a-z_]+)"[ \t\r\n]*:')


class UsualBodies:
    """
    Reads usual bodies.

    `kinds` are task fields and what they say was made, the first one that is there counts;
    `errors` are the names of members that make a body unusual.
    """

    def __init__(self, kinds: Iterable[tuple[str, str]], errors: Iterable[str]) -> None:
        ranked = enumerate(kinds)
        self._kinds = {name.encode(): (rank, name, kind) for rank, (name, kind) in ranked}
        self._read_once = frozenset(name.encode() for name in _READ)
        self._unusual = frozenset(name.encode() for name in errors)
        self._decoder = msgspec.json.Decoder(_shape(name for _, name, _ in self._kinds.values()))
        # Bodies of one model have the same names in the same order: 3 µs saved.
        self._known_kinds = lru_cache(maxsize=_REMEMBERED)(self._find_kinds)

    def read(self, body: bytes) -> Said | None:
        """Return what the body says; None where it is an unusual one, or none at all."""
        if not _is_plain(body) or (keys := _keys(body)) is None:
            return None
        is_short = len(keys) <= _MOST_REMEMBERED
        kinds = self._known_kinds(keys) if is_short else self._find_kinds(keys)
        if kinds is None:
            return None
        try:
            found: Any = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        results = found.results
        if isinstance(results, list):
            results = results[0] if results else None
        kind = next((kind for name, kind in kinds if _holds(found, name, results)), None)
        return _said(found, results, kind)

    def _find_kinds(self, keys: tuple[bytes, ...]) -> _Kinds | None:
        """Return what a body with such names may hold, by rank; None where it is unusual."""
        if not self._unusual.isdisjoint(keys) or self._repeats(keys):
            return None
        ranked = sorted({self._kinds[key] for key in keys if key in self._kinds})
        return tuple((name, kind) for _, name, kind in ranked)

    def _repeats(self, keys: tuple[bytes, ...]) -> bool:
        """Tell whether a name that is read occurs twice, on whatever level."""
        read = [key for key in keys if key in self._read_once]
        return len(read) > len(set(read))


def _shape(seen: Iterable[str]) -> type[msgspec.Struct]:
    """Return the struct of a usual body; of the members that are `seen` only presence counts."""
    places = [(name, Raw, _NULL) for name in seen]
    results: Any = msgspec.defstruct("Results", [("status", _Word, None), *places], gc=False)
    fields: list[Any] = [
        ("request_id", str),
        ("inference_status", _Status),
        ("results", list[results] | results | None, None),
        ("model", _Word, None),
        ("status", _Word, None),
        *((name, _Count, None) for name in _TOKENS),
        *places,
    ]
    return msgspec.defstruct("Body", fields, gc=False)


def _holds(body: object, name: str, results: object) -> bool:
    """Tell whether one of the two has a member of that name that is not null."""
    if getattr(body, name) != _NULL:
        return True
    return results is not None and getattr(results, name) != _NULL


def _is_plain(body: bytes) -> bool:
    """Tell whether it is text, not too large, flat, and its names are written as they are."""
    if len(body) > _LARGEST_BYTES or not occurs_up_to(body, (b"{", b"["), _MOST_BRACKETS):
        return False
    if b"\\" in body and b"\\u00" in body:  # one byte is found ten times as soon as four
        return False
    return _is_utf8(body)


def _keys(body: bytes) -> tuple[bytes, ...] | None:
    """Return the names of members on all levels; None of a large body with many strings."""
    if len(body) <= _SEARCHED_BYTES:
        return tuple(_KEY.findall(body))
    keys: list[bytes] = []
    at = body.find(b'"')
    for _ in range(_MOST_QUOTES):
        if at < 0:
            return tuple(keys)
        key = _KEY.match(body, at)
        if key is not None:
            keys.append(key[1])
        at = body.find(b'"', at + 1 if key is None else key.end())
    return None


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _said(body: Any, results: Any, kind: str | None) -> Said | None:
    status: _Status = body.inference_status
    provider_status = word(status.status)
    if provider_status is None:
        return None
    return Said(
        provider_status=provider_status,
        request=body.request_id,
        model=word(body.model),
        runtime_ms=status.runtime_ms,
        cost_usd=_amount(bytes(status.cost)),
        tokens_input=_first(status.tokens_input, _first(body.num_input_tokens, body.input_tokens)),
        tokens_output=_first(status.tokens_generated, body.num_tokens),
        output_kind=kind,
        error=None,
        inner_status=(results and word(results.status)) or word(body.status),
    )


def _first(count: int | None, other: int | None) -> int | None:
    return other if count is None else count


def _amount(text: bytes) -> Decimal | None:
    return parse_usd(text.decode()) if text[:1] in b"-0123456789" else None
