"""Frames: whatever happens to the bytes, only what was hit is lost."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ingest.spool.frames import Damage, Entry, Payload, Read, Refusal, Release, frame, read_frames

TAG = b"\x00\xffsegment"[:8]


def entry(number: int, value: bytes = b"{}") -> Entry:
    digest = hashlib.sha256(value).hexdigest()
    headers = (("ce_id", f"deepinfra:R{number}:succeeded".encode()),)
    return Entry(number, "t", b"k", value, headers, f"deepinfra:R{number}:succeeded", digest, 1.5)


payloads = st.one_of(
    st.builds(entry, st.integers(1, 2**40), st.binary(max_size=200)),
    st.builds(Release, st.lists(st.integers(1, 2**40), max_size=5).map(tuple)),
    st.builds(Refusal, st.integers(1, 2**40), st.text(max_size=20)),
)


def sound(data: bytes) -> list[Payload]:
    return [item.payload for item in read_frames(TAG, data) if isinstance(item, Read)]


def damage(data: bytes) -> list[Damage]:
    return [item for item in read_frames(TAG, data) if isinstance(item, Damage)]


def written(contents: list[Payload]) -> bytes:
    return b"".join(frame(TAG, payload) for payload in contents)


@given(st.lists(payloads, max_size=8))
def test_what_was_written_is_read_back(contents: list[Payload]) -> None:
    assert sound(written(contents)) == contents
    assert damage(written(contents)) == []


@given(st.lists(payloads, min_size=1, max_size=6), st.data())
def test_a_cut_costs_only_the_frame_it_falls_into(
    contents: list[Payload], data: st.DataObject
) -> None:
    """A write that was cut short was never acknowledged; what stood before it is whole."""
    whole = written(contents)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [len(written(contents[: count + 1])) for count in range(len(contents))]

    kept = [payload for payload, end in zip(contents, ends, strict=True) if end <= cut]

    assert sound(whole[:cut]) == kept
    assert all(item.is_torn for item in damage(whole[:cut]))


@given(st.lists(payloads, min_size=1, max_size=6), st.data())
def test_a_changed_byte_costs_only_the_frame_it_hits(
    contents: list[Payload], data: st.DataObject
) -> None:
    """Behind the damage reading goes on, and the damage is told."""
    whole = bytearray(written(contents))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    ends = [len(written(contents[: count + 1])) for count in range(len(contents))]
    hit = next(number for number, end in enumerate(ends) if at < end)

    assert sound(bytes(whole)) == contents[:hit] + contents[hit + 1 :]
    assert len(damage(bytes(whole))) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(noise: bytes) -> None:
    """Noise is damage, all of it, and nothing else."""
    assert sum(item.size for item in damage(noise)) == len(noise)


def test_a_frame_inside_a_body_is_no_frame() -> None:
    """A sender cannot plant entries or releases: each segment's tag is its own."""
    planted = frame(b"othertag", Release((1,)))
    whole = bytearray(written([entry(1), entry(2, planted)]))
    whole[len(written([entry(1)])) + 20] ^= 1

    assert sound(bytes(whole)) == [entry(1)]
