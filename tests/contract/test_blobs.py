"""What every blob store does, on a directory and on S3."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.blobs import BlobMissingError, BlobStore, BlobStoreError, StoredBlob, open_blobs
from tests.support.s3 import aws_environment, fresh_bucket, s3_server

BODY = b'{"a": 1, "nul": "\\u0000"}\x00\xff'
SHA256 = hashlib.sha256(BODY).hexdigest()
BIG = bytes(range(256)) * 24_000  # 6 MB: more than one piece, and S3's own size of a part
UNREACHABLE = "http://127.0.0.1:1"  # no program listens below port 1024 in a test


@dataclass(frozen=True, slots=True)
class Case:
    """A store to test, its URL, one that cannot be reached, and one without its ground."""

    store: BlobStore
    url: str
    unreachable: Callable[[], BlobStore]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server for this module."""
    with s3_server() as url:
        yield url


@pytest.fixture(params=["directory", "s3"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """An empty store of each kind."""
    if request.param == "directory":
        url = (tmp_path / "blobs").as_uri()
        (tmp_path / "file").write_text("no folder")
        yield Case(open_blobs(url), url, lambda: open_blobs((tmp_path / "file").as_uri()))
        return
    endpoint = request.getfixturevalue("endpoint")
    with ExitStack() as environment:
        environment.enter_context(aws_environment(endpoint))
        url = f"s3://{fresh_bucket(endpoint)}/some/prefix"
        yield Case(open_blobs(url), url, lambda: _unreachable_s3(environment))


def _unreachable_s3(environment: ExitStack) -> BlobStore:
    environment.enter_context(aws_environment(UNREACHABLE))
    return open_blobs("s3://bucket/prefix")


def _listed(store: BlobStore) -> dict[str, StoredBlob]:
    return {blob.sha256: blob for blob in store.blobs()}


@pytest.mark.parametrize("body", [b"", BODY, BIG])
def test_what_is_put_comes_back_exactly(case: Case, body: bytes) -> None:
    """Whole and piece by piece, by its hash; the reference says where and how much."""
    sha256 = hashlib.sha256(body).hexdigest()

    ref = case.store.put(body, sha256)

    opened = case.store.open(sha256)
    assert (opened.size, b"".join(opened.pieces)) == (len(body), body)
    assert case.store.get(sha256) == body
    assert case.store.has(sha256)
    assert (ref.sha256, ref.bytes) == (sha256, len(body))
    assert ref.url == f"{case.url}/{sha256[:2]}/{sha256}"


def test_putting_twice_is_one_blob(case: Case) -> None:
    """The second put refers to the first one's blob."""
    first = case.store.put(BODY, SHA256)

    assert case.store.put(BODY, SHA256) == first
    assert list(_listed(case.store)) == [SHA256]


def test_a_missing_blob_is_told_from_an_unreachable_store(case: Case) -> None:
    """The one will not come back, the other may: that decides what becomes of a record."""
    case.store.put(b"another", hashlib.sha256(b"another").hexdigest())

    assert not case.store.has(SHA256)
    for ask in (case.store.get, case.store.open):
        with pytest.raises(BlobMissingError):
            ask(SHA256)


def test_an_unreachable_store_says_so_at_every_call(case: Case) -> None:
    """Never that a blob is missing, in one line that stays the same from try to try."""
    store = case.unreachable()
    calls: list[Callable[[], object]] = [
        lambda: store.put(BODY, SHA256),
        lambda: store.get(SHA256),
        lambda: store.has(SHA256),
        lambda: list(store.blobs()),
    ]

    for call in calls:
        said = {_complaint(call), _complaint(call)}
        assert len(said) == 1
        assert "\n" not in said.pop()


def _complaint(call: Callable[[], object]) -> str:
    with pytest.raises(BlobStoreError) as raised:
        call()
    assert not isinstance(raised.value, BlobMissingError)
    return str(raised.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_hashes_name_blobs(case: Case, name: str) -> None:
    """A record made by somebody else points to no blob, and blocks nobody who asks for it."""
    case.store.put(BODY, SHA256)

    assert not case.store.has(name)
    with pytest.raises(BlobMissingError):
        case.store.get(name)


def test_the_list_names_each_blob_with_size_and_time(case: Case) -> None:
    """Sweeping decides by it."""
    case.store.put(BODY, SHA256)

    blob = _listed(case.store)[SHA256]

    assert blob.size == len(BODY)
    assert abs(datetime.now(UTC) - blob.put_at) < timedelta(seconds=30)


def test_a_discarded_blob_is_in_the_trash(case: Case) -> None:
    """It is no blob any more, and not deleted either."""
    case.store.put(BODY, SHA256)

    assert case.store.discard(_listed(case.store)[SHA256], "2026-11-24")

    assert not case.store.has(SHA256)
    assert _listed(case.store) == {}
    assert _trashed(case, "2026-11-24") == BODY


def _trashed(case: Case, day: str) -> bytes:
    if case.url.startswith("file:"):
        folder = Path(case.url.removeprefix("file://"))
        return (folder / ".trash" / day / SHA256).read_bytes()
    import obstore

    return bytes(obstore.get(case.store._store, f".trash/{day}/{SHA256}").bytes())  # type: ignore[attr-defined]  # S3Blobs


def test_what_was_put_again_since_it_was_listed_stays(case: Case) -> None:
    """A new delivery may refer to it by now."""
    case.store.put(BODY, SHA256)
    listed = _listed(case.store)[SHA256]
    before = StoredBlob(SHA256, listed.size, listed.put_at - timedelta(days=2))

    assert not case.store.discard(before, "2026-11-24")

    assert case.store.get(SHA256) == BODY


def test_what_is_gone_is_not_discarded(case: Case) -> None:
    """Two sweeps at once do no harm."""
    case.store.put(BODY, SHA256)
    listed = _listed(case.store)[SHA256]
    case.store.discard(listed, "2026-11-24")

    assert not case.store.discard(listed, "2026-11-24")


def test_a_bucket_that_is_not_there_is_no_missing_blob(endpoint: str) -> None:
    """A mistyped name must not look like a store that has lost everything."""
    with aws_environment(endpoint):
        store = open_blobs("s3://no-such-bucket/x")
        for call in (store.has, store.get, lambda sha256: store.put(BODY, sha256)):
            with pytest.raises(BlobStoreError, match="no bucket") as raised:
                call(SHA256)
            assert not isinstance(raised.value, BlobMissingError)
