"""
JSON as brackets and strings: how deep it nests, and on which level a position stands.

For texts that are known to be JSON. At the speed of C and in slices, so that a body of
megabytes neither holds the interpreter for long nor is copied whole.
"""

import itertools
import math
import re
from collections.abc import Sequence

_SLICE = 1 << 16
_SMALL_BYTES = 4096
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_NOT_BACKSLASH = re.compile(rb"[^\\]")
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Scan:
    """
    Reads a JSON text from its beginning, as far as it is told.

    `level` is how many brackets are open, `deepest` the most there were, `is_in_string`
    whether the position stands inside a string.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        self.level = 0
        self.deepest = 0
        self.is_in_string = False

    def advance(self, position: int, limit: float = math.inf) -> None:
        """Read on up to a position, which no escape may span, or until deeper than the limit."""
        while self._at < position and self.deepest <= limit:
            end = self._slice_end(position)
            self._read(self._text[self._at : end])
            self._at = end

    def _slice_end(self, position: int) -> int:
        if self._at + _SLICE >= position:
            return position
        return min(past_escape(self._text, self._at + _SLICE), position)

    def _read(self, part: bytes) -> None:
        brackets = self.outside(part)
        steps = map(_STEPS.__getitem__, brackets)
        self._moved(brackets, list(itertools.accumulate(steps, initial=self.level)))

    def _moved(self, brackets: bytes, levels: Sequence[int]) -> None:
        """Note the levels before, between and after some brackets, for who needs these too."""
        del brackets
        self.deepest = max(self.deepest, *levels)
        self.level = levels[-1]

    def outside(self, part: bytes) -> bytes:
        """Return the brackets of the next part that stand outside of strings."""
        if b"\\" in part:
            part = _ESCAPE.sub(b"", part)
        pieces = part.translate(None, _NO_STRUCTURE).split(b'"')
        # Quotes alternate: every other piece stands outside of strings.
        brackets = b"".join(pieces[self.is_in_string :: 2])
        self.is_in_string ^= not len(pieces) % 2
        return brackets


def past_escape(text: bytes, position: int) -> int:
    """Return the first position from here on that cuts no escape in two."""
    whole = _NOT_BACKSLASH.search(text, position - 1)
    return len(text) if whole is None else whole.end()


def nests_deeper(text: bytes, limit: int) -> bool:
    """Tell whether the text nests deeper than `limit` brackets."""
    # Only texts with many brackets pay for more than looking for them.
    if occurs_up_to(text, (b"[", b"{"), limit):
        return False
    scan = Scan(text)
    scan.advance(len(text), limit)
    return scan.deepest > limit


def occurs_up_to(text: bytes, marks: Sequence[bytes], limit: int) -> bool:
    """
    Tell whether the marks stand in a text at most `limit` times, in strings or outside.

    `find` runs at 20 GB/s to the next one, `count` at 2: texts of one large string or many
    numbers are the ones that are long. Small ones are counted.
    """
    if len(text) <= _SMALL_BYTES:
        return sum(map(text.count, marks)) <= limit
    left = limit
    for mark in marks:
        left -= _occurrences(text, mark, left)
        if left < 0:
            return False
    return True


def _occurrences(text: bytes, mark: bytes, limit: int) -> int:
    """Return how often the mark stands there; where it is more than the limit, perhaps less."""
    # One is found in the time in which 200 bytes are counted.
    singly = min(limit + 1, len(text) // 256)
    found, at = 0, text.find(mark)
    while at >= 0 and found < singly:
        found += 1
        at = text.find(mark, at + 1)
    return found if at < 0 or found > limit else found + text.count(mark, at)


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def cut_below(text: bytes, limit: int) -> tuple[bytes, list[bytes]]:
    """
    Return the text with `[]` for whatever lies below `limit` levels, and what was cut out.

    Looks at brackets and strings only: the text is JSON if and only if all the returned
    texts are. (A number as stand-in would not do: `1[...]` would become one.)
    """
    kept: list[bytes] = []
    cut: list[bytes] = []
    level = begin = 0
    for token in _TOKEN.finditer(text):
        step = _STEPS.get(text[token.start()], 0)
        if step > 0 and level == limit:
            kept.append(text[begin : token.start()])
            begin = token.start()
        level += step
        if step < 0 and level == limit:
            cut.append(text[begin : token.end()])
            begin = token.end()
    kept.append(text[begin:])
    return b"[]".join(kept), cut
