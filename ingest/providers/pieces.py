"""
Large texts of very many values, checked to be JSON a piece at a time, and made smaller.

One call of the decoder keeps the interpreter, and with it the event loop, until it returns: 29 ms
for 8 MB of empty lists, 82 for lists a hundred deep. A piece takes 3 ms at most.
"""

import math
import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from ingest.providers.scanning import Scan, occurs_up_to, past_escape

_LARGE_BYTES = 1 << 20
_MANY_VALUES = 250_000  # which take the decoder up to 8 ms
_PIECE_BYTES = 1 << 18
_COMMAS_TRIED = 64
# What is read by name stands no deeper: in the results, or in the first of them.
_LEVELS_OF_NAMES = 3
_AFTER_A_MEMBER = {"": b"", "[": b"[0,", "{": b'{"":0,'}
_BEFORE_A_VALUE = {"[": b"[", "{": b'{"":'}
_CLOSING = {"[": b"]", "{": b"}"}
_RAW = Decoder(Raw)
_PLACE = re.compile(r"(?<=\(byte )\d+(?=\))")


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A part of a text between two of its commas, and the brackets open before and after it.

    `lowest` and `deepest` are the fewest and the most brackets that are open within it.
    """

    begin: int
    text: bytes
    before: str
    after: str
    lowest: int
    deepest: int

    def require_json(self) -> None:
        """
        Raise `msgspec.DecodeError` unless it is JSON in its place.

        A text is JSON if all its pieces are: whatever the brackets are thought to be, each
        piece leads from those before it, with a value behind them and a comma, to those after
        it with a value behind them.
        """
        opening = b"".join(_BEFORE_A_VALUE[bracket] for bracket in self.before[:-1])
        opening += _AFTER_A_MEMBER[self.before[-1:]]
        closing = b"".join(_CLOSING[bracket] for bracket in reversed(self.after))
        try:
            _RAW.decode(opening + self.text + closing)
        except DecodeError as error:
            raise DecodeError(_shifted(str(error), self.begin - len(opening))) from error

    def goes_on(self, previous: "Piece", most_levels: int) -> bool:
        """
        Tell whether it but goes on with what the previous piece is full of.

        Both begin and end between the same brackets. What they are full of are items of a
        list, which the first ones stand for, or lies deeper than what is read by name.
        """
        around = previous.before[: previous.lowest]
        return (
            previous.before == self.before == self.after
            and (around.endswith("[") or len(around) > _LEVELS_OF_NAMES)
            and previous.lowest <= self.lowest
            and self.deepest <= most_levels
        )


def _shifted(message: str, by: int) -> str:
    return _PLACE.sub(lambda place: str(int(place[0]) + by), message)


def thinned(text: bytes, most_levels: int) -> bytes:
    """
    Return a text without most items of its largest lists, or as it is where it need not be.

    The first items of a list stay, and 256 KB of it; whatever nests deeper than the levels
    stays whole. What is left is JSON if and only if the text is; raises `msgspec.DecodeError`
    where it finds that it is not.
    """
    if not _is_dense(text):
        return text
    kept: list[bytes] = []
    previous: Piece | None = None
    for piece in pieces_of(text):
        piece.require_json()
        if previous is None or not piece.goes_on(previous, most_levels):
            kept.append(piece.text)
        previous = piece
    return b",".join(kept)


def _is_dense(text: bytes) -> bool:
    return len(text) > _LARGE_BYTES and not occurs_up_to(text, (b"[", b"{", b","), _MANY_VALUES)


def pieces_of(text: bytes) -> Iterator[Piece]:
    """Yield the pieces of a text; all of them, joined by commas, are the text."""
    scan = _Open(text)
    begin, before = 0, ""
    while (comma := scan.next_comma(begin + _PIECE_BYTES)) is not None:
        yield Piece(begin, text[begin:comma], before, scan.open, scan.lowest, scan.deepest)
        begin, before = comma + 1, scan.open
        scan.lowest = scan.deepest = scan.level
    scan.advance(len(text))
    yield Piece(begin, text[begin:], before, "", scan.lowest, scan.deepest)


class _Open(Scan):
    """Knows which brackets are open, and the fewest that were."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.open = ""
        self.lowest = 0

    def next_comma(self, position: int) -> int | None:
        """Read on to a comma outside of strings, from the position on; None where there is none."""
        while position < len(self._text):
            self.advance(past_escape(self._text, position))
            if (comma := self._flattest_comma()) is not None:
                self.advance(comma)
                return comma
            position = self._at + _PIECE_BYTES
        return None

    def _flattest_comma(self) -> int | None:
        """Return which of the next commas has fewest brackets open: one between similar items."""
        ahead, found, fewest = copy(self), None, math.inf
        comma = self._at - 1
        for _ in range(_COMMAS_TRIED):
            comma = self._text.find(b",", comma + 1)
            if comma < 0:
                break
            ahead.advance(comma)
            if not ahead.is_in_string and ahead.level < fewest:
                found, fewest = comma, ahead.level
        return found

    def _moved(self, brackets: bytes, levels: Sequence[int]) -> None:
        super()._moved(brackets, levels)
        lowest, level = min(levels), levels[-1]
        self.lowest = min(self.lowest, lowest)
        self.open = self.open[:lowest]
        # Where a level was left upwards for the last time stands the bracket that is still open.
        opened, backwards, at = "", levels[::-1], 0
        for low in range(level - 1, lowest - 1, -1):
            at = backwards.index(low, at)
            opened = chr(brackets[-at]) + opened
        self.open += opened
