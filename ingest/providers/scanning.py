"""
JSON as brackets and strings: how deep it nests, and on which level a position stands.

For texts that are known to be JSON. At the speed of C and in slices, so that a body of
megabytes neither holds the interpreter for long nor is copied whole.
"""

import itertools
import math
import re

_SLICE = 1 << 18
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
        # A slice that ends in a backslash would cut an escape in two.
        whole = _NOT_BACKSLASH.search(self._text, self._at + _SLICE - 1, position)
        return position if whole is None else whole.end()

    def _read(self, part: bytes) -> None:
        if b"\\" in part:
            part = _ESCAPE.sub(b"", part)
        pieces = part.translate(None, _NO_STRUCTURE).split(b'"')
        # Quotes alternate: every other piece stands outside of strings.
        outside = b"".join(pieces[self.is_in_string :: 2])
        self.is_in_string ^= not len(pieces) % 2
        levels = itertools.accumulate(map(_STEPS.__getitem__, outside), initial=self.level)
        self.deepest = max(self.deepest, *(run := list(levels)))
        self.level = run[-1]


def nests_deeper(text: bytes, limit: int) -> bool:
    """Tell whether the text nests deeper than `limit` brackets."""
    # Counting is a memory scan: only texts with many brackets pay for more.
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    scan = Scan(text)
    scan.advance(len(text), limit)
    return scan.deepest > limit


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
