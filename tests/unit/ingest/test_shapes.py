"""Listing an object's members and searching for them are one and the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import DecodeError, Raw

from ingest.providers import shapes
from ingest.providers.base import MalformedDelivery
from ingest.providers.shapes import Members, Shape
from tests.support.strategies import json_bodies

SHAPE = Shape(("id", "status"), seen=("text",))

keys = st.sampled_from(['"id"', '"status"', '"text"', r'"\u0069d"', r'"tex\u0074"', '"x"', '""'])
values = st.sampled_from(["null", " null ", "1", '{"id":1,"id":2}', r'"\"id\":1"', "[]", '"'])
members = st.tuples(keys, st.sampled_from([":", " :", "\n: "]), values).map("".join)
objects = st.lists(members, max_size=6).map(lambda parts: f"{{{','.join(parts)}}}".encode())


def said(read: Any, text: bytes) -> dict[str, bytes] | str:
    try:
        found: Members = read(text)
    except MalformedDelivery as finding:
        return finding.reason
    except DecodeError:
        return "no JSON"
    return {name: bytes(raw) for name, raw in found.items()}


@given(text=objects, slice_bytes=st.integers(1, 40))
def test_an_object_of_many_members_is_read_as_one_of_few(text: bytes, slice_bytes: int) -> None:
    """What is listed is what a search finds: the members, the last of those only looked for."""
    small = said(SHAPE.members, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_SMALL_BYTES", -1)
        listed = said(SHAPE.members, text)
        patch.setattr(shapes, "_MAX_LISTED", -1)
        patch.setattr(shapes, "_SLICE", slice_bytes)
        searched = said(SHAPE.members, text)

    assert small == listed == searched


@given(first=objects, rest=st.lists(json_bodies, max_size=3))
def test_so_is_the_first_of_a_list(first: bytes, rest: list[bytes]) -> None:
    text = b"[%b]" % b",".join([first, *rest])
    small = said(SHAPE.members_of_first, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_SMALL_BYTES", -1)
        listed = said(SHAPE.members_of_first, text)
        patch.setattr(shapes, "_MAX_LISTED", -1)
        searched = said(SHAPE.members_of_first, text)

    assert small == listed == searched


@pytest.mark.parametrize("count", [255, 256, 257, 100_000])
def test_the_last_of_very_many_members_is_found(count: int) -> None:
    """Few are listed one by one; of the rest none is missed."""
    before = ",".join(f'"k{number}":0' for number in range(count - 1))
    once = f'{{{before},"id":7}}'.encode()
    twice = f'{{"id":1,{before},"id":7}}'.encode()

    assert SHAPE.members(once) == {"id": Raw(b"7")}
    assert SHAPE.members_of_first(b"[%b,1]" % once) == {"id": Raw(b"7")}
    with pytest.raises(MalformedDelivery, match="duplicate-key"):
        SHAPE.members(twice)


def test_names_that_were_written_with_escapes_are_told_plainly() -> None:
    with pytest.raises(MalformedDelivery, match="'id' occurs twice"):
        SHAPE.members(json.dumps({"id": 1})[:-1].encode() + rb',"i\u0064":2}')
