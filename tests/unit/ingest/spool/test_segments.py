"""The segment files: a model of appends, releases, restarts; damage; disks that refuse."""

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from ingest.spool.contents import live_entries, read_contents
from ingest.spool.disk import Disk
from ingest.spool.frames import Entry
from ingest.spool.segments import Changes, Segments

SMALL = 2048


def entry(number: int, value: bytes = b"x" * 100) -> Entry:
    return Entry(number, "t", None, value, (), f"deepinfra:R{number}:succeeded", "0", float(number))


class FailingDisk(Disk):
    """A disk that refuses one kind of call for as long as it is told to."""

    def __init__(self) -> None:
        self.refuses: str | None = None
        self.written_before_full = 0

    def create(self, path: Path) -> int:
        self._refuse("create", errno.EROFS)
        return super().create(path)

    def write(self, file: int, data: bytes) -> None:
        if self.refuses == "write":
            super().write(file, data[: self.written_before_full])
        self._refuse("write", errno.ENOSPC)
        super().write(file, data)

    def sync(self, file: int) -> None:
        self._refuse("sync", errno.EIO)
        super().sync(file)

    def _refuse(self, call: str, number: int) -> None:
        if self.refuses == call:
            raise OSError(number, "refused by the test")


def opened(folder: Path, disk: Disk | None = None, segment_bytes: int = SMALL) -> Segments:
    segments = Segments(folder, segment_bytes, disk)
    segments.recover()
    return segments


def live(folder: Path) -> list[int]:
    return [found.id for found, _ in live_entries(folder)]


@settings(max_examples=30, stateful_step_count=40)
class Model(RuleBasedStateMachine):
    """What lives on disk is what was appended and not released, whatever restarts between."""

    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.disk = FailingDisk()
        self.segments = opened(self.folder, self.disk)
        self.model: dict[int, str | None] = {}
        self.last_id = 0

    @rule(target=waiting, sizes=st.lists(st.integers(0, 900), min_size=1, max_size=4))
    def append(self, sizes: list[int]) -> object:
        entries = [entry(self.last_id + 1 + n, b"v" * size) for n, size in enumerate(sizes)]
        self.segments.append(Changes(entries))
        self.last_id = entries[-1].id
        self.model |= {each.id: None for each in entries}
        return multiple(*(each.id for each in entries))

    @rule(entry_id=consumes(waiting))
    def release(self, entry_id: int) -> None:
        self.segments.append(Changes(released=[entry_id]))
        del self.model[entry_id]

    @rule(entry_id=waiting)
    def refuse(self, entry_id: int) -> None:
        if entry_id in self.model:
            self.segments.append(Changes(refused={entry_id: "too large"}))
            self.model[entry_id] = "too large"

    @rule(call=st.sampled_from(["create", "write", "sync"]), before=st.integers(0, 150))
    def refused_by_the_disk(self, call: str, before: int) -> None:
        self.disk.refuses, self.disk.written_before_full = call, before
        try:
            self.segments.append(Changes([entry(self.last_id + 1)]))
        except OSError:
            self.last_id += 1
        else:  # nothing of the kind was asked of the disk
            self.last_id += 1
            self.model[self.last_id] = None
        self.disk.refuses = None

    @rule()
    def killed_and_restarted(self) -> None:
        self.segments._close_active()
        self.segments = opened(self.folder, self.disk)
        self.last_id = max(self.last_id, read_contents(self.folder).last_id)

    @rule()
    def stopped_and_restarted(self) -> None:
        self.segments.close()
        self.segments = opened(self.folder, self.disk)
        self.last_id = max(self.last_id, read_contents(self.folder).last_id)

    @invariant()
    def disk_holds_what_lives(self) -> None:
        assert {found.id: why for found, why in live_entries(self.folder)} == self.model

    @invariant()
    def every_entry_can_be_read(self) -> None:
        assert all(self.segments.read(i) is not None for i in self.model)
        assert self.segments.live == len(self.model)

    @invariant()
    def the_oldest_is_known(self) -> None:
        assert self.segments.oldest_at() == min(map(float, self.model), default=None)

    @invariant()
    def the_size_is_that_on_disk(self) -> None:
        assert self.segments.size == sum(p.stat().st_size for p in self.folder.glob("*.seg"))

    def teardown(self) -> None:
        self.segments.close()
        self.temporary.cleanup()


TestModel = Model.TestCase


@given(data=st.data())
@settings(max_examples=60)
def test_any_cut_loses_at_most_the_last_entry(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A power loss may cut what was being written; everything before it was acknowledged."""
    folder = tmp_path_factory.mktemp("cut")
    segments = opened(folder)
    for number in range(1, 6):
        segments.append(Changes([entry(number)]))
    segments._close_active()
    (path,) = folder.glob("*.seg")
    last_at = read_contents(folder).places[5].offset
    cut = data.draw(st.integers(last_at, path.stat().st_size - 1))
    path.write_bytes(path.read_bytes()[:cut])

    assert live(folder) == [1, 2, 3, 4]
    assert opened(folder).live == 4


@given(data=st.data())
@settings(max_examples=60)
def test_a_changed_byte_costs_one_entry_and_is_reported(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The rest replays; the bytes are kept under another name once nothing in them lives."""
    folder = tmp_path_factory.mktemp("flip")
    segments = opened(folder)
    for number in range(1, 6):
        segments.append(Changes([entry(number)]))
    segments._close_active()
    (path,) = folder.glob("*.seg")
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    hit = 1 + at * 5 // len(whole)

    again = opened(folder)

    assert live(folder) == [number for number in range(1, 6) if number != hit]
    assert len(read_contents(folder).damage) == 1
    again.append(Changes(released=live(folder)))
    again.close()
    assert [kept.read_bytes() for kept in folder.glob("*.damaged")] == [bytes(whole)]


def test_a_release_outlives_the_entry_it_releases(tmp_path: Path) -> None:
    """Else an old segment that is still needed would bring back what was released."""
    segments = opened(tmp_path)
    segments.append(Changes([entry(n) for n in range(1, 30)]))  # fills the first segment
    segments.append(Changes(released=list(range(2, 30))))  # stands in the second one
    segments.append(Changes([entry(30, b"y" * SMALL)]))
    segments.append(Changes(released=[30]))
    segments._close_active()

    assert opened(tmp_path).live == 1
    assert live(tmp_path) == [1]


def test_ids_never_repeat_one_that_a_release_names(tmp_path: Path) -> None:
    """An old release would release the new entry at the next start."""
    segments = opened(tmp_path)
    segments.append(Changes([entry(1)]))
    segments.append(Changes(released=[1]))
    segments._close_active()

    assert read_contents(tmp_path).last_id == 1


def test_an_entry_that_stays_does_not_pin_what_is_dead(tmp_path: Path) -> None:
    """It is moved on, with its refusal, so that the disk it held is free again."""
    segments = opened(tmp_path)
    segments.append(Changes([entry(1)], refused={1: "too large"}))
    for number in range(2, 500):
        segments.append(Changes([entry(number)]))
        segments.append(Changes(released=[number]))

    assert segments.size < 10 * SMALL
    segments._close_active()
    assert [(found.id, why) for found, why in live_entries(tmp_path)] == [(1, "too large")]


def test_nothing_stays_once_nothing_lives(tmp_path: Path) -> None:
    """The last segment too, bodies and all, when the process stops."""
    segments = opened(tmp_path)
    segments.append(Changes([entry(1)]))
    segments.append(Changes(released=[1]))
    segments.close()

    assert list(tmp_path.glob("*.seg")) == []


@pytest.mark.parametrize("call", ["write", "sync", "create"])
def test_what_the_disk_refused_is_not_there(tmp_path: Path, call: str) -> None:
    """And a failing disk does not collect empty files."""
    disk = FailingDisk()
    segments = opened(tmp_path, disk)
    disk.refuses = call
    for number in (1, 2, 3):
        with pytest.raises(OSError, match="refused by the test"):
            segments.append(Changes([entry(number)]))
    disk.refuses = None
    segments.append(Changes([entry(4)]))

    assert segments.live == 1
    assert live(tmp_path) == [4]
    assert len(list(tmp_path.glob("*.seg"))) == 1


def test_a_descriptor_that_fails_to_close_is_not_used_again(tmp_path: Path) -> None:
    """It is closed all the same, and its number may be another file's by now."""

    class FailingClose(Disk):
        def close(self, file: int) -> None:
            super().close(file)
            raise OSError(errno.EIO, "refused by the test")

    segments = opened(tmp_path, FailingClose())
    for number in (1, 2, 3):
        segments.append(Changes([entry(number, b"z" * SMALL)]))

    assert live(tmp_path) == [1, 2, 3]


def test_a_segment_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    """A bad disk block costs what lies on it, not the rest."""
    segments = opened(tmp_path)
    segments.append(Changes([entry(n, b"z" * SMALL) for n in (1,)]))
    segments.append(Changes([entry(2)]))
    segments._close_active()
    first = min(tmp_path.glob("*.seg"))
    first.unlink()
    first.mkdir()  # reading it gives an error, as a bad block does

    assert opened(tmp_path).live == 1
    assert live(tmp_path) == [2]
