"""What is swept: old blobs that nothing mentions, while nobody lags."""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.blobs import StoredBlob, open_blobs
from bus.memory import MemoryBus
from bus.records import event_record
from inferbus.blobs.references import in_record, in_spools, mentioned, mentioned_in_spools
from inferbus.blobs.sweep import discard, old_blobs, reading_groups, refuse_lag, unreferenced
from inferbus.errors import ProblemError
from ingest.spool.spool import Spool
from schemas.topics import TopicNames
from tests.support.storage import an_event, an_offloaded_event, sha256

NAMES = TopicNames()
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
GROUPS = reading_groups("inferbus", NAMES)


def blob(name: str, age: timedelta = timedelta(days=2)) -> StoredBlob:
    return StoredBlob(sha256(name.encode()), 1, NOW - age)


class Listed:
    """A store as far as it is listed."""

    def __init__(self, blobs: Iterable[StoredBlob]) -> None:
        self._blobs = list(blobs)

    def blobs(self) -> Iterable[StoredBlob]:
        return self._blobs


def test_what_was_put_within_a_day_is_let_alone() -> None:
    """Its record may not be published yet."""
    store = Listed([blob("old"), blob("young", timedelta(hours=23))])

    assert old_blobs(store, NOW) == [blob("old")]  # type: ignore[arg-type] # only what is used


def test_one_mention_anywhere_keeps_a_blob() -> None:
    """The oldest comes first of what is left."""
    blobs = [blob("a"), blob("b"), blob("c", timedelta(days=9)), blob("d")]

    left = unreferenced(blobs, [lambda: {blob("a").sha256}, lambda: {blob("d").sha256}])

    assert left == [blob("c", timedelta(days=9)), blob("b")]


def test_a_group_that_lags_is_named() -> None:
    """What it has not read may refer to blobs that no table knows of."""
    bus = MemoryBus(NAMES.all)
    bus.publisher("test").submit(event_record(an_event(), NAMES)).result(1)

    with closing(bus.admin()) as admin, pytest.raises(ProblemError, match="inferbus-storage"):
        refuse_lag(admin, GROUPS)


def test_groups_that_have_read_all_are_no_obstacle() -> None:
    bus = MemoryBus(NAMES.all)

    with closing(bus.admin()) as admin:
        refuse_lag(admin, GROUPS)


def test_another_cluster_is_no_witness() -> None:
    """Without the topics nothing there would refer to anything."""
    with closing(MemoryBus().admin()) as admin, pytest.raises(ProblemError, match="none of the"):
        refuse_lag(admin, GROUPS)


def test_a_blob_that_was_put_again_meanwhile_stays(tmp_path: Path) -> None:
    store = open_blobs(tmp_path.as_uri())
    body = b"x"
    store.put(body, sha256(body))
    [listed] = store.blobs()
    stale = StoredBlob(listed.sha256, listed.size, listed.put_at - timedelta(days=3))

    [kept] = discard(store, [stale], "2026-11-26")
    [moved] = discard(store, [listed], "2026-11-26")

    assert (kept.is_moved, moved.is_moved) == (False, True)
    assert (tmp_path / ".trash" / "2026-11-26" / listed.sha256).read_bytes() == body


def test_a_record_refers_by_its_reference_and_mentions_any_hash() -> None:
    """Sweeping keeps more than what is referred to, never less."""
    body = b'{"see":"' + sha256(b"other").encode() + b'"}'
    record = event_record(an_event(body=body), NAMES)
    offloaded = event_record(an_offloaded_event("R2", b"big"), NAMES)

    assert (in_record(record, NAMES), in_record(offloaded, NAMES)) == (None, sha256(b"big"))
    assert sha256(b"other") in mentioned(record)
    assert sha256(b"big") in mentioned(offloaded)


async def test_a_spool_mentions_what_was_released_too(tmp_path: Path) -> None:
    """Its record may be on its way to a topic that was read before."""
    spool = Spool(tmp_path, 1 << 25)
    await spool.open()
    record = event_record(an_offloaded_event("R1", b"big"), NAMES)
    ref = await spool.append(record, "e1", "sha")
    before = list(in_spools([tmp_path], NAMES))
    spool.release(ref)
    await spool.append(event_record(an_event("R9"), NAMES), "e9", "sha")
    after = list(in_spools([tmp_path], NAMES))
    await spool.close()

    assert [found.sha256 for found in before] == [sha256(b"big")]
    assert after == []
    assert sha256(b"big") in mentioned_in_spools([tmp_path])
