"""Brackets and strings of JSON texts, against a parser that builds everything."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.providers import scanning
from ingest.providers.scanning import Scan, cut_below, nests_deeper, occurs_up_to
from tests.support.strategies import json_bodies


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


class Repeats(list[Any]):
    """An object's values, those of repeated keys included."""


def built(body: bytes) -> Any:
    return json.loads(
        body, object_pairs_hook=lambda pairs: Repeats(v for _, v in pairs), parse_float=str
    )


@given(body=json_bodies)
def test_the_depth_is_that_of_the_built_value(body: bytes) -> None:
    """Whatever strings, escapes and white space stand between the brackets."""
    scan = Scan(body)
    scan.advance(len(body))

    assert depth(built(body)) == scan.deepest
    assert (scan.level, scan.is_in_string) == (0, False)


@given(body=json_bodies, slice_bytes=st.integers(1, 9))
def test_slices_change_nothing(body: bytes, slice_bytes: int) -> None:
    """No slice cuts an escape or a string in two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_SLICE", slice_bytes)
        scan = Scan(body)
        scan.advance(len(body))

    assert depth(built(body)) == scan.deepest


@pytest.mark.parametrize(
    ("text", "deepest"),
    [
        (b'"[[["', 0),
        (rb'["\"[[["]', 1),
        (rb'["\\",[[]]]', 3),
        (rb'["\\\"[[",{}]', 2),
        (b'[{"[":"]"},{}]', 2),
    ],
)
def test_brackets_in_strings_do_not_count(text: bytes, deepest: int) -> None:
    """Escaped quotes do not end a string, escaped backslashes do not escape one."""
    assert not nests_deeper(text, deepest)
    assert deepest == 0 or nests_deeper(text, deepest - 1)


def test_what_is_too_deep_is_not_read_to_its_end() -> None:
    """Megabytes of brackets cost one slice of them."""
    scan = Scan(b"[" * 4 * scanning._SLICE)

    scan.advance(4 * scanning._SLICE, limit=64)

    assert 64 < scan.deepest <= scanning._SLICE


def test_a_position_is_told_to_be_inside_a_string_or_not() -> None:
    """As far as it was read, no further."""
    scan = Scan(b'{"a":["b')

    scan.advance(4)
    before = (scan.level, scan.is_in_string)
    scan.advance(8)

    assert before == (1, False)
    assert (scan.level, scan.is_in_string) == (2, True)


@given(body=json_bodies, limit=st.integers(0, 4))
def test_what_is_cut_out_of_json_leaves_json(body: bytes, limit: int) -> None:
    """Both the rest and the pieces are JSON, and the rest is as flat as asked for."""
    rest, pieces = cut_below(body, limit)

    assert depth(built(rest)) <= limit + 1
    for piece in pieces:
        json.loads(piece)


@given(body=json_bodies, limit=st.integers(0, 3), at=st.integers(0, 200), by=st.binary(max_size=2))
def test_what_is_cut_out_of_no_json_leaves_no_json(
    body: bytes, limit: int, at: int, by: bytes
) -> None:
    """A fault anywhere stays a fault: in the rest or in a piece."""
    broken = body[:at] + by + body[at + 1 :]

    rest, pieces = cut_below(broken, limit)

    assert is_json(broken) == all(map(is_json, [rest, *pieces]))


def is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode())
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("brackets", [15, 16, 17, 18, 40])
def test_brackets_are_counted_however_many_there_are(brackets: int) -> None:
    """The first ones are looked for one by one, the rest are counted."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        text = opening * brackets + b"1" + closing * brackets
        assert nests_deeper(text, brackets - 1)
        assert not nests_deeper(text, brackets)
        assert not nests_deeper(b'{"a":"%b"}' % (b"[{" * brackets), 1)


@given(
    text=st.lists(st.sampled_from([b"[", b"{", b"x" * 300, b"y" * 5000])).map(b"".join),
    limit=st.integers(0, 9),
)
def test_marks_are_counted_up_to_a_limit(text: bytes, limit: int) -> None:
    assert occurs_up_to(text, (b"[", b"{"), limit) == (text.count(b"[") + text.count(b"{") <= limit)
