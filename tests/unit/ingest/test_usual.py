"""What the quick reader says of a body is what the thorough one says, or it says nothing."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.providers import deepinfra_usual
from ingest.providers.deepinfra import _KIND_KEYS, _USUAL, _read
from tests.support.strategies import json_bodies, json_numbers, json_scalars

STATUS = b'{"status":"succeeded","runtime_ms":412,"cost":0.000114,"tokens_generated":4}'
USUAL = b'{"request_id":"R1","inference_status":%b,"results":[{"generated_text":"hi"}]}' % STATUS

# What no field is supposed to hold.
odd = st.one_of(
    json_scalars,
    st.sampled_from(["-0", "12.0", "1e2", "-1", "9223372036854775808", '""', '"  "', "[]", "{}"]),
    st.sampled_from(['{"status":"x"}', '[{"text":1},{"text":2}]', r'"\u0061"', '"İ"']),
)
words = st.text(st.characters(exclude_categories=("C", "Z")), max_size=9)
strings = words.map(lambda text: json.dumps(text, ensure_ascii=False)) | st.sampled_from(
    ['"succeeded"', '" Failed "', r'"\""', '"x\u2028"']
)
counts = st.integers(0, 2**63 - 1).map(str) | st.just("null")
white = st.sampled_from(["", "", "", " ", "\n\t"])


def mostly(usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 15).flatmap(lambda number: usual if number < 15 else odd)


@st.composite
def objects(draw: st.DrawFn, **members: st.SearchStrategy[str]) -> str:
    """Return an object with some of the members, in any order, seldom one of them twice."""
    order = draw(st.permutations(list(members)))
    kept = draw(st.integers(0, len(order)))
    names = [name for place, name in enumerate(order) if place < kept or name in _NEEDED]
    if names and draw(st.integers(0, 19)) == 19:
        names.append(names[0])
    parts = [
        "".join((draw(white), f'"{name}"', draw(white), ":", draw(white), draw(members[name])))
        for name in names
    ]
    return f"{{{','.join(parts)}{draw(white)}}}"


_NEEDED = frozenset({"request_id", "inference_status", "status"})
tasks = {key: mostly(json_scalars | st.just("[1]")) for key in ("text", "images", "audio", "x")}
statuses = objects(
    status=mostly(strings),
    runtime_ms=mostly(counts),
    cost=mostly(json_numbers),
    tokens_generated=mostly(counts),
    tokens_input=mostly(counts),
)
results = st.one_of(
    objects(**tasks), objects(**tasks).map("[{}]".format), objects(error=strings, **tasks)
)
bodies = objects(
    request_id=mostly(strings),
    inference_status=mostly(statuses),
    results=mostly(results),
    model=mostly(strings),
    num_tokens=mostly(counts),
    input_tokens=mostly(counts),
    **tasks,
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(body=bodies | json_bodies)
@example(body=USUAL)
@example(body=USUAL.replace(b"412", b"412.0"))
@example(body=USUAL.replace(b'"cost"', b'"cost":1,"cost"'))
@example(body=USUAL.replace(b'"R1"', rb'"R1\ud800"'))
@example(body=USUAL.replace(b"hi", "héllo".encode()))
@example(body=USUAL[:-1])
def test_two_readers_say_the_same(body: bytes) -> None:
    said = _USUAL.read(body)

    assert said is None or said == _read(body)


@given(body=bodies | json_bodies)
def test_names_are_found_from_quote_to_quote_as_by_a_search(body: bytes) -> None:
    searched = deepinfra_usual._keys(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deepinfra_usual, "_SEARCHED_BYTES", -1)
        jumped = deepinfra_usual._keys(body)

    assert jumped in (searched, None)
    assert jumped is not None or body.count(b'"') > 64


@pytest.mark.parametrize("size", [9_000, 30_000, 500_000])
def test_large_texts_are_usual_too(size: int) -> None:
    body = USUAL.replace(b"hi", b"x" * size)

    said = _USUAL.read(body)

    assert said is not None
    assert said == _read(body)


@pytest.mark.parametrize("kind", _KIND_KEYS)
@pytest.mark.parametrize("place", ["top", "results", "list"])
def test_usual_bodies_of_every_kind_are_read_quickly(kind: str, place: str) -> None:
    member = f'"{kind}":["data"]'
    task = {
        "top": member,
        "results": f'"results":{{{member}}}',
        "list": f'"results":[{{{member}}},{{}}]',
    }[place]
    body = b'{"request_id":"R1","inference_status":%b,%b}' % (STATUS, task.encode())

    said = _USUAL.read(body)

    assert said is not None
    assert said == _read(body)
    assert said.output_kind is not None


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.combinations(["images", "audio", "text", "embeddings"], 2))
)
def test_of_several_kinds_the_first_of_the_table_counts(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        body = b'{"request_id":"R1","inference_status":%b,"%b":[1],"results":{"%b":1}}' % (
            STATUS,
            one.encode(),
            other.encode(),
        )
        assert _USUAL.read(body) == _read(body)


@pytest.mark.parametrize(
    "unusual",
    [
        USUAL.replace(b'"R1"', b"17"),
        USUAL.replace(b'"succeeded"', b'"  "'),
        USUAL.replace(b'"results"', b'"error":null,"results"'),
        USUAL.replace(b'"results"', b'"status":"ok","results"'),
        USUAL.replace(b"hi", b"\xff"),
        USUAL.replace(b"hi", b"x" * (1 << 19)),
        USUAL.replace(b"hi", rb"\"" * 30_000),
        USUAL.replace(b"hi", rb"\u0000"),
        USUAL.replace(b'[{"generated_text":"hi"}]', b"[" * 33 + b"]" * 33),
        b"[]",
        b"",
    ],
)
def test_all_others_are_left_to_the_thorough_reader(unusual: bytes) -> None:
    assert _USUAL.read(unusual) is None
