"""Whether two bodies say the same."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.storage.content import is_same_content
from tests.support.strategies import json_bodies

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return [_shuffled(item, rng) for item in value]
    if isinstance(value, dict):
        names = rng.sample(list(value), len(value))
        return {name: _shuffled(value[name], rng) for name in names}
    return value


@given(json_bodies)
def test_a_body_says_what_it_says(body: bytes) -> None:
    """White space around it does not count."""
    assert is_same_content(body, b" " + body + b"\n")


@given(VALUES, st.randoms(use_true_random=False), st.booleans())
def test_key_order_and_layout_do_not_count(
    value: Any,
    rng: random.Random,
    is_ascii: bool,  # noqa: FBT001 - drawn
) -> None:
    """Neither do escapes."""
    first = json.dumps(value, separators=(",", ":"))
    second = json.dumps(_shuffled(value, rng), indent=1, ensure_ascii=is_ascii)

    assert is_same_content(first.encode(), second.encode("utf-8", "surrogatepass"))


@given(VALUES, VALUES)
def test_other_values_differ(one: Any, other: Any) -> None:
    """It is never said that two different values are the same."""
    texts = [json.dumps(each, sort_keys=True) for each in (one, other)]

    assert is_same_content(texts[0].encode(), texts[1].encode()) == (texts[0] == texts[1])


@given(json_bodies, json_bodies)
def test_the_order_of_the_two_does_not_matter(one: bytes, other: bytes) -> None:
    """A conflict does not depend on which came first."""
    assert is_same_content(one, other) == is_same_content(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"18446744073709551616", b"18446744073709551617"),
        (b"1", b"1.0"),
        (b"1e2", b"100"),
        (b"0", b"-0"),
        (b"1", b'"1"'),
        (b"1", b"true"),
        (b'["number","1"]', b"1"),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'{"a":1,"a":2}', b'{"a":2,"a":1}'),
        (b"null", b"{}"),
        (b"", b"null"),
        (b"\xff", b"\xfe"),
    ],
)
def test_these_differ(one: bytes, other: bytes) -> None:
    """Every digit counts, and a repeated key is kept; what cannot be read is compared as it is."""
    assert not is_same_content(one, other)
    assert is_same_content(one, one)


def test_numbers_of_any_length_can_be_compared() -> None:
    """Python refuses to make an integer of over 4,300 digits."""
    long = b"9" * 10_000

    assert is_same_content(long, b" " + long)
    assert not is_same_content(long, long + b"9")


def test_deep_nesting_is_no_error() -> None:
    """Beyond what can be read, only equal bytes are the same."""
    deep = b"[" * 100_000 + b"]" * 100_000

    assert is_same_content(deep, deep)
    assert not is_same_content(deep, b" " + deep)
