"""The spool's disk fails while there is no Kafka; its files are damaged while it does not run."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import FAILING_DISK, HAS_SMALL_DISKS, SPOOL_DISK
from tests.faults.deliveries import Mix
from tests.faults.ledger import Call, Identity, Verdict
from tests.faults.load import Sender
from tests.faults.mutants import Change, mutant
from tests.faults.report import FULL, full_form_only, scaled
from tests.faults.rows import Run, row
from tests.faults.system import System
from tests.support.kafka import KafkaCluster, why_no_small_disk
from tests.support.kafka import disk as small

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]

FLIPS = 3
# What was sent at the end of a phase may meet the disk only in the next one.
_EDGE_S = 1.5
# What goes to a topic for the first time during an outage is tried again 10 s after it.
_ONE_TOPIC = Mix(failed=0, progress=0, quarantined=0)
_SYNC = "        _sync_data(file)\n"


@pytest.mark.skipif(not HAS_SMALL_DISKS, reason=str(why_no_small_disk()))
def test_f17_the_spools_disk_fails(one_node: KafkaCluster, system: System) -> None:
    """Neither Kafka nor the spool: 503, never 2xx; a slow disk is only slow."""
    what = "no Kafka, and the spool's disk read-only, EIO on fsync, full, slow"
    # A repeat of what is durable is answered 2xx.
    sender = Sender(rate=30, duplicates=0, mix=Mix() if FULL else _ONE_TOPIC)
    with row("F17", what, system, sender) as run:
        one_node.freeze(1)
        run.go_on(3)  # until deliveries go to the spool at once
        with _disk(system, "read-only"):
            read_only = _phase(run)
        with _disk(system, "sync-error"):
            sync_error = _phase(run)
        small.fill(system.folder / SPOOL_DISK)
        full = _phase(run)
        small.free(system.folder / SPOOL_DISK)
        with _disk(system, "slow-sync"):
            slow = _phase(run)
        one_node.thaw(1)
        run.fault_is_over()
    assert not _unsynced(run, _syncs(system))
    for phase in (read_only, sync_error, full):
        refused = [call.status for call in phase if call.verdict is Verdict.REFUSED]
        assert refused
        assert set(refused) == {503}
    assert [call for call in slow if call.durability == "spool"]


@full_form_only
@pytest.mark.skipif(not HAS_SMALL_DISKS, reason=str(why_no_small_disk()))
def test_f17_finds_a_spool_that_skips_its_syncs(
    one_node: KafkaCluster, system: System, tmp_path: Path
) -> None:
    """Else the row would hold for a spool that answers 2xx on a disk that refuses."""
    path = mutant(tmp_path / "mutant", Change("ingest/spool/disk.py", _SYNC, "        del file\n"))
    ingest = system["ingest"]
    ingest.stop()
    ingest.start(PYTHONPATH=f"{path}:{FAILING_DISK}")
    ingest.wait_ready()
    what = "mutant: skips its syncs; EIO on them; F17's own check must find it"
    with row("F17", what, system, Sender(rate=30)) as run:
        one_node.freeze(1)
        run.go_on(3)
        with _disk(system, "sync-error"):
            _phase(run)
        one_node.thaw(1)
        run.fault_is_over()
    ingest.stop()
    ingest.start()
    ingest.wait_ready()
    assert _unsynced(run, _syncs(system))


@contextmanager
def _disk(system: System, fault: str) -> Iterator[None]:
    """Let the disk of the ingest's spool fail so; see `failing_disk`."""
    switch = system.folder / "disk-fault"
    switch.write_text(fault)
    yield
    switch.unlink()


def _syncs(system: System) -> list[float]:
    """Return when something of the spool was made durable, sorted."""
    moments = system.folder / "disk-fault.syncs"
    return [float(line) for line in moments.read_text().split()] if moments.exists() else []


def _unsynced(run: Run, syncs: Sequence[float]) -> list[Call]:
    """
    Return the calls answered from the spool though nothing was synced since they were sent.

    Not those that were merely sent while the disk failed: a call under way may find it well.
    """
    unanswered: dict[Identity, float] = {}  # a repeat is told what became of the first
    lies = []
    for call in run.ledger.book.calls.values():
        since = unanswered.get(call.sent.identity, call.sent_at)
        until = call.answered_at or since
        if call.durability == "spool" and not _any_between(syncs, since, until):
            lies.append(call)
        if call.verdict is Verdict.UNKNOWN:
            unanswered.setdefault(call.sent.identity, call.sent_at)
    return lies


def _any_between(moments: Sequence[float], since: float, until: float) -> bool:
    at = bisect_left(moments, since)
    return at < len(moments) and moments[at] <= until


def _phase(run: Run) -> list[Call]:
    """Let some time pass; return the calls that were made in it."""
    began = time.time()
    run.go_on(scaled(1.0 + _EDGE_S, 8))
    ended = time.time()
    calls = list(run.ledger.book.calls.values())
    return [call for call in calls if began <= call.sent_at <= ended - _EDGE_S]


def test_f18_the_spool_is_damaged(one_node: KafkaCluster, system: System) -> None:
    """A torn tail loses nothing, a flipped byte at most its own record; all else is replayed."""
    what = f"ingest killed, its spool's tail torn, then {FLIPS} bytes flipped: {FLIPS} may be lost"
    ingest = system["ingest"]
    with row("F18", what, system, Sender(rate=80), losable=FLIPS) as run:
        one_node.freeze(1)
        run.go_on(scaled(4, 10))
        ingest.kill()
        newest = _segments(system)[-1]
        with newest.open("ab") as file:
            file.write(newest.read_bytes()[:200])
        ingest.start()
        ingest.wait_ready()
        run.go_on(scaled(1, 5))
        ingest.kill()
        _flip(max(_segments(system), key=lambda path: path.stat().st_size))
        ingest.start()
        ingest.wait_ready()
        one_node.thaw(1)
        run.fault_is_over()
    assert "spool_damaged" in ingest.log


def _segments(system: System) -> list[Path]:
    return sorted((system.folder / SPOOL_DISK).glob("*/*.seg"))


def _flip(file: Path) -> None:
    """Change single bytes, far apart: each lies in another record."""
    content = bytearray(file.read_bytes())
    for turn in range(FLIPS):
        content[len(content) * (turn + 1) // (FLIPS + 1)] ^= 0xFF
    file.write_bytes(content)
