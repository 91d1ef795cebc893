"""Large texts in pieces: the same verdict as over the whole, and the same members."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.providers import pieces
from ingest.providers.base import MalformedDelivery
from ingest.providers.envelope import MAX_DEPTH_READ, Shape, read_members, read_object
from ingest.providers.pieces import pieces_of, thinned
from tests.support.strategies import json_bodies

RESULTS = Shape(("status",), seen=("text",))
BODY = Shape(("id", "status", "results"), seen=("text",))


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Have every text cut into pieces, of a few bytes each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_LARGE_BYTES", 0)
        patch.setattr(pieces, "_MANY_VALUES", -1)
        patch.setattr(pieces, "_PIECE_BYTES", 1)
        yield


def is_json(text: bytes) -> bool:
    try:
        msgspec.json.Decoder(msgspec.Raw).decode(text)
    except msgspec.DecodeError:
        return False
    return True


def passes(text: bytes) -> bool:
    try:
        left = thinned(text, MAX_DEPTH_READ)
    except msgspec.DecodeError:
        return False
    return is_json(left)


@given(body=json_bodies, size=st.integers(1, 40))
def test_the_pieces_are_the_text(body: bytes, size: int) -> None:
    """Each is JSON in its place, and no comma is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE_BYTES", size)
        found = list(pieces_of(body))

    assert b",".join(piece.text for piece in found) == body
    for piece in found:
        piece.require_json()


fragments = st.sampled_from([*rb'[]{}",:1\ ', b",,", b"[]", b"{}", b'"a":', b"[1,2]", b"tru"]).map(
    lambda part: bytes([part]) if isinstance(part, int) else part
)


@given(
    body=json_bodies,
    size=st.integers(1, 40),
    at=st.integers(0, 200),
    by=st.binary(max_size=2) | fragments,
    without=st.integers(0, 2),
)
def test_a_fault_anywhere_stays_a_fault(
    body: bytes, size: int, at: int, by: bytes, without: int
) -> None:
    """Whatever a text is made to be, its pieces are JSON if and only if it is."""
    changed = body[:at] + by + body[at + without :]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE_BYTES", size)
        assert passes(changed) == is_json(changed)


@given(parts=st.lists(fragments, max_size=14), size=st.integers(1, 6))
def test_no_heap_of_fragments_is_taken_for_json(parts: list[bytes], size: int) -> None:
    """Brackets of the wrong kind, commas with nothing behind them, strings without an end."""
    text = b"".join(parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE_BYTES", size)
        assert passes(text) == is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":[1,2,]}',
        b'{"a":[1,2}}',
        b'{"a":[1,2]],"b":1}',
        b"[1,2,3",
        b"[1,,2]",
        b"[1,2],[3]",
        b'{"a":1,2}',
        b'["a","b]',
        b'{"a":{"b":1],"c":2}',
        b",",
        b"",
    ],
)
def test_what_a_cut_could_hide_is_found(text: bytes) -> None:
    """A comma at the end, brackets of two kinds, a member without a name."""
    assert not is_json(text)
    assert not passes(text)


def said(body: bytes) -> Any:
    """Return what is read of a body; of lists and deep values only that they are there."""
    try:
        members = read_object(body, BODY)
        results = read_members(members.get("results"), RESULTS)
    except MalformedDelivery as finding:
        return finding.reason
    return [{name: shown(raw) for name, raw in found.items()} for found in (members, results)]


def shown(raw: msgspec.Raw) -> Any:
    text = bytes(raw).strip()
    return text[:1] if text[:1] in (b"[", b"{") else text


names = st.sampled_from(["id", "status", "results", "text", "x"])
values = st.recursive(
    st.sampled_from([None, 1, "failed", "a,b", '",\\', []]),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(names, inner, max_size=5),
    max_leaves=40,
)


@given(body=st.dictionaries(names, values, max_size=5), size=st.integers(1, 12))
def test_what_is_read_of_a_thinned_body_is_what_it_says(body: dict[str, Any], size: int) -> None:
    """Nothing that is read by name is left out, and the first of a list stays."""
    text = json.dumps(body).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE_BYTES", size)
        thin = said(text)
        patch.setattr(pieces, "_LARGE_BYTES", len(text))
        whole = said(text)

    assert thin == whole


@pytest.mark.parametrize(
    "item", [b"1", b"[]", b"[1,[2]]", b'{"a":1,"b":[2,3]}', b'"a,b"', b"[[1,2],[3,4],[5,6]]"]
)
def test_most_items_of_a_long_list_are_left_out(item: bytes) -> None:
    """The first ones stay, and so does what stands around them."""
    body = b'{"id":"a","results":[%b[]],"status":"ok"}' % ((item + b",") * 1000)

    left = thinned(body, MAX_DEPTH_READ)

    assert len(left) < 600
    assert left.startswith(b'{"id":"a","results":[%b,' % item)
    assert left.endswith(b'[]],"status":"ok"}')


def test_what_nests_too_deep_stays_to_be_found() -> None:
    """Else a text could hide its depth in the middle of a list."""
    deep = b"[" * MAX_DEPTH_READ + b"]" * MAX_DEPTH_READ
    body = b'{"results":[%b[]]}' % (b"[]," * 100 + deep + b"," + b"[]," * 100)

    assert deep in thinned(body, MAX_DEPTH_READ)


def test_small_and_sparse_texts_are_left_alone() -> None:
    """They are decoded at once: nothing is checked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_MANY_VALUES", 3)
        assert thinned(b"[1,2,", 1) == b"[1,2,"


def test_a_fault_is_told_with_its_place_in_the_whole() -> None:
    """Not in the piece, which nobody has seen."""
    body = b'{"results":[' + b"[]," * 100 + b"?]}"

    with pytest.raises(msgspec.DecodeError, match=rf"\(byte {body.index(b'?')}\)"):
        thinned(body, MAX_DEPTH_READ)
