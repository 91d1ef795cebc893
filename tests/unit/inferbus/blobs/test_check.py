"""Following references: every byte is read, each blob once."""

from pathlib import Path

from bus.blobs import BlobStore, open_blobs
from inferbus.blobs.check import MAX_PROBLEMS, BlobCheck
from inferbus.blobs.references import Referred
from tests.support.storage import sha256


def put(store: BlobStore, body: bytes) -> str:
    store.put(body, sha256(body))
    return sha256(body)


def test_sound_missing_and_altered_blobs_are_told_apart(tmp_path: Path) -> None:
    """And where each is referred to from."""
    store = open_blobs(tmp_path.as_uri())
    sound, altered, missing = put(store, b"sound"), put(store, b"alter"), sha256(b"gone")
    (tmp_path / altered[:2] / altered).write_bytes(b"other")
    check = BlobCheck()
    looked: list[int] = []

    check.take(
        [Referred(at, "table events", "e") for at in (sound, sound, altered, missing)],
        store,
        looked.append,
    )

    told = check.summary()
    assert (told["is_sound"], told["missing"], told["damaged"]) == (False, 1, 1)
    assert (told["references"], told["blobs"], sum(looked)) == (4, 3, 4)
    assert [(it["problem"], it["sha256"]) for it in told["problems"]] == [
        ("damaged", altered),
        ("missing", missing),
    ]


def test_a_long_list_of_problems_is_cut_and_the_verdict_is_not(tmp_path: Path) -> None:
    store = open_blobs(tmp_path.as_uri())
    put(store, b"x")
    check = BlobCheck()
    many = MAX_PROBLEMS + 5

    check.take(
        [Referred(sha256(b"%d" % n), "table events", None) for n in range(many)],
        store,
        lambda _: None,
    )

    assert len(check.summary()["problems"]) == MAX_PROBLEMS
    assert check.summary()["missing"] == many
