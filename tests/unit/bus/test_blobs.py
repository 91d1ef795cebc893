"""Blobs as files: whole or not there, once per content, never outside their folder."""

import hashlib
from pathlib import Path

import pytest

from bus.blobs import BlobMissingError, BlobStoreError, DirectoryBlobs, open_blobs
from bus.runtime.settings_names import SettingsError

BODY = b'{"a": 1}'
SHA256 = hashlib.sha256(BODY).hexdigest()


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    """By its hash, with a reference that says where and how much."""
    blobs = DirectoryBlobs(tmp_path / "blobs")

    ref = blobs.put(BODY, SHA256)

    assert blobs.get(SHA256) == BODY
    assert (SHA256, len(BODY)) == (ref.sha256, ref.bytes)
    assert blobs.has(SHA256)
    assert Path(ref.url.removeprefix("file://")).read_bytes() == BODY


def test_putting_twice_keeps_one_file(tmp_path: Path) -> None:
    """No temporary file is left either."""
    blobs = DirectoryBlobs(tmp_path)
    first = blobs.put(BODY, SHA256)

    assert first == blobs.put(BODY, SHA256)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_blob_cut_short_is_written_anew(tmp_path: Path) -> None:
    """A file of the wrong size is what a crash left, not the blob."""
    blobs = DirectoryBlobs(tmp_path)
    path = Path(blobs.put(BODY, SHA256).url.removeprefix("file://"))
    path.write_bytes(BODY[:3])

    blobs.put(BODY, SHA256)

    assert blobs.get(SHA256) == BODY


def test_a_missing_blob_is_told_from_a_missing_store(tmp_path: Path) -> None:
    """The one will not come back, the other may."""
    with pytest.raises(BlobMissingError):
        DirectoryBlobs(tmp_path).get(SHA256)
    with pytest.raises(BlobStoreError, match="is not there"):
        DirectoryBlobs(tmp_path / "unmounted").has(SHA256)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """One line with the path."""
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(BlobStoreError, match="cannot write"):
        DirectoryBlobs(tmp_path / "file").put(BODY, SHA256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_hashes_name_blobs(tmp_path: Path, name: str) -> None:
    """A record made by somebody else cannot point outside the folder."""
    with pytest.raises(BlobMissingError):
        DirectoryBlobs(tmp_path).get(name)


def test_a_url_opens_its_store(tmp_path: Path) -> None:
    """Percent-encoded where the path needs it."""
    folder = tmp_path / "with space"

    open_blobs(folder.as_uri()).put(BODY, SHA256)

    assert DirectoryBlobs(folder).has(SHA256)


@pytest.mark.parametrize("url", ["ftp://x/y", "blobs", "/srv/blobs", "file://elsewhere/x"])
def test_an_unknown_url_names_its_setting(url: str) -> None:
    """And says what would do."""
    with pytest.raises(SettingsError, match="INFERBUS_BLOBS__URL"):
        open_blobs(url)
