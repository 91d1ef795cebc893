"""What is read of a body, and what keeps a body from being read."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.envelope import Number, Shape, read_members, read_object, read_value
from tests.support.strategies import json_bodies

SHAPE = Shape(("id", "status"), seen=("text",))


def reason(body: bytes, shape: Shape = SHAPE) -> str | None:
    try:
        read_object(body, shape)
    except MalformedDelivery as finding:
        return finding.reason
    return None


def pairs(body: bytes) -> list[tuple[str, Any]]:
    return list(json.loads(body, object_pairs_hook=list, parse_int=str, parse_float=str))


keys = st.sampled_from(
    ['"id"', '"status"', '"text"', r'"\u0069d"', r'"i\u0064"', r'"sta\u0074us"', r'"\"id"', '"x"']
)
values = st.sampled_from(['"id"', '"id:"', "1", '{"id":1,"id":2}', r'"\",\"id\":1"', "[]", "null"])
members = st.tuples(keys, st.sampled_from([":", " :", "\n: "]), values).map("".join)


@given(parts=st.lists(members, max_size=6))
def test_a_key_that_is_read_may_stand_once(parts: list[str]) -> None:
    """However it is written, and however often it stands in strings or further in."""
    body = f"{{{','.join(parts)}}}".encode()
    names = [key for key, _ in pairs(body)]
    repeats = any(names.count(key) > 1 for key in ("id", "status"))

    assert reason(body) == ("duplicate-key" if repeats else None)


@given(body=json_bodies, at=st.integers(0, 200), by=st.binary(max_size=2))
@example(body=b"{}", at=0, by=b"\xef\xbb\xbf{")
def test_only_strict_json_is_read(body: bytes, at: int, by: bytes) -> None:
    """What passes is readable by other strict parsers; what they refuse is quarantined."""
    changed = body[:at] + by + body[at + 1 :]

    found = reason(changed)

    if found in (None, "not-object", "duplicate-key"):
        json.loads(changed.decode(), parse_constant=pytest.fail)
    else:
        assert found in ("not-json", "not-utf8")
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(changed)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not-json"),
        (b" ", "not-json"),
        (b'{"a":1}{"b":2}', "not-json"),
        (b"[1,", "not-json"),
        (b"\xef\xbb\xbf{}", "not-json"),
        (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
        (b'{"a":"\xc0\xaf"}', "not-utf8"),
        (b'{"a":"' + b"x" * (1 << 20) + b'\xff"}', "not-utf8"),
        (b'{"a":"' + b"x" * ((1 << 20) - 8) + "😀".encode() + b'"}', None),
        (b'{"a":1e999}', None),
        (b'{"a":' + b"9" * 5000 + b"}", None),
        (b'"id"', "not-object"),
    ],
)
def test_the_reason_says_what_is_wrong(body: bytes, expected: str | None) -> None:
    assert reason(body) == expected


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_thousand_levels_are_read_at_any_depth_of_our_own_calls(opening: bytes) -> None:
    """Python's limit on recursion counts its caller's frames; the answer does not."""
    closing = b"]" if opening == b"[" else b"}"

    def nested(levels: int) -> bytes:
        return b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"

    def called_from(frames: int, body: bytes) -> str | None:
        return reason(body) if frames == 0 else called_from(frames - 1, body)

    for frames in (0, 200):
        assert called_from(frames, nested(1000)) is None
        assert called_from(frames, nested(1001)) == "too-deep"


def test_a_body_that_was_read_deep_down_is_readable_elsewhere() -> None:
    """One level is added on the way to Kafka; strict parsers allow for 1,024."""
    body = b'{"a":' + b"[" * 999 + b"]" * 999 + b"}"

    assert reason(body) is None
    orjson.loads(b'{"payload":' + body + b"}")


def test_null_members_count_as_absent() -> None:
    found = read_object(b'{"id":null,"text": null ,"status":"null"}', SHAPE)

    assert list(found) == ["status"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"id":7}', {"id": b"7"}),
        (b' [ {"id":7} , {"id":8}]', {"id": b"7"}),
        (b"[]", {}),
        (b"[1]", {}),
        (b'"id"', {}),
        (b"5", {}),
    ],
)
def test_nested_members(raw: bytes, expected: dict[str, bytes]) -> None:
    """Of an object, or of a list's first object."""
    found = read_members(Raw(raw), SHAPE)

    assert expected == {key: bytes(value) for key, value in found.items()}


def test_numbers_keep_their_digits() -> None:
    value = read_value(Raw(b'{"a":0.0001140000022132881,"b":18446744073709551617,"c":"1"}'))

    assert value == {"a": "0.0001140000022132881", "b": "18446744073709551617", "c": "1"}
    assert [isinstance(value[key], Number) for key in "abc"] == [True, True, False]


def test_a_huge_structure_is_not_built() -> None:
    """It is no error text, and as objects it would take twenty times its size."""
    assert read_value(Raw(b"[" + b"{}," * 30_000 + b"{}]")) is None


def test_a_repeated_key_within_a_value_is_found() -> None:
    twice = Raw(b'{"error":{"message":"a","message":"b"}}')

    assert read_value(twice) == {"error": {"message": "b"}}
    with pytest.raises(MalformedDelivery, match="duplicate-key"):
        read_value(twice, frozenset({"message"}))
