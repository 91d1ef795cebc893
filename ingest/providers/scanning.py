"""
JSON as brackets and strings: how deep it nests, and on which level a position stands.

For texts that are known to be JSON. At the speed of C and in slices, so that a body of
megabytes neither holds the interpreter for long nor is copied whole.
"""

import itertools
import math
import re

_SLICE = 1 << 16
_FOUND_SINGLY = 16
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
        # A slice that ends in a backslash would cut an escape in two.
        whole = _NOT_BACKSLASH.search(self._text, self._at + _SLICE - 1, position)
        return position if whole is None else whole.end()

    def _read(self, part: bytes) -> None:
        outside = self.outside(part)
        levels = itertools.accumulate(map(_STEPS.__getitem__, outside), initial=self.level)
        self.deepest = max(self.deepest, *(run := list(levels)))
        self.level = run[-1]

    def outside(self, part: bytes) -> bytes:
        """Return the brackets of the next part that stand outside of strings."""
        if b"\\" in part:
            part = _ESCAPE.sub(b"", part)
        pieces = part.translate(None, _NO_STRUCTURE).split(b'"')
        # Quotes alternate: every other piece stands outside of strings.
        brackets = b"".join(pieces[self.is_in_string :: 2])
        self.is_in_string ^= not len(pieces) % 2
        return brackets


def nests_deeper(text: bytes, limit: int) -> bool:
    """Tell whether the text nests deeper than `limit` brackets."""
    # Only texts with many brackets pay for more than looking for them.
    if _opens_up_to(text, limit):
        return False
    scan = Scan(text)
    scan.advance(len(text), limit)
    return scan.deepest > limit


def _opens_up_to(text: bytes, limit: int) -> bool:
    """
    Tell whether there are at most `limit` opening brackets, in strings or outside.

    `find` runs at 20 GB/s to the next one, `count` at 3: texts of one large string or many
    numbers are the ones that are long. Small ones are counted.
    """
    if len(text) <= _SMALL_BYTES:
        return text.count(b"[") + text.count(b"{") <= limit
    opened = 0
    for opening in (b"[", b"{"):
        at = text.find(opening)
        for _ in range(_FOUND_SINGLY):
            if at < 0:
                break
            opened += 1
            at = text.find(opening, at + 1)
        else:
            opened += text.count(opening, at) if at >= 0 else 0
    return opened <= limit


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
