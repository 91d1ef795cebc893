"""
Changed copies of inferbus, each with one broken promise: the judge must find each of them.

A harness that finds nothing in these proves nothing about the real one. All of them run side by
side in one system, beside a sound ingest and a sound storage that nothing may be found in.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.clusters import Clusters
from tests.faults.conftest import QUICK
from tests.faults.draining import Ask, Lag, spool_empty, wait_drained
from tests.faults.ledger import Book, Ledger
from tests.faults.load import Load, Sender
from tests.faults.mutants import Change, mutant
from tests.faults.oracle import Judgement, judge, verdict_of
from tests.faults.report import REPORT, full_form_only
from tests.faults.stored import read_stored
from tests.faults.system import Plan, System, running_system
from tests.support.kafka import KafkaCluster

pytestmark = [
    pytest.mark.faults,
    pytest.mark.kafka,
    pytest.mark.timeout(600),
]

OUTAGE_S = 5.0
SOUND_INGEST = "ingest"
SOUND_STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong with it, which invariant that breaks, and how it is made."""

    what: str
    breaks: str
    changes: tuple[Change, ...]
    dies_at: str = ""
    """The failpoint at which a storage is killed once, before it works on as it is."""


INGESTS: Mapping[str, Mutant] = {
    "early": Mutant(
        "acknowledges before it is durable",
        "I1",
        (
            Change(
                "ingest/spool/keeper.py",
                "        position = await sends.within_deadline(sent)\n"
                "        if position is None:\n"
                "            position = await self._spooled_beside(it, sent)\n"
                '        return Kept("spool" if position is None else "kafka", position)\n',
                "        return Kept('spool', None)\n",
            ),
        ),
    ),
    "unlinked": Mutant(
        "keeps its spool in a file that is gone after a kill, as what was never synced is",
        "I1",
        (
            Change(
                "ingest/spool/disk.py",
                "            sync_folder(path.parent)\n",
                "            path.unlink()\n",
            ),
        ),
    ),
    "dropping": Mutant(
        "drops what a full queue does not take",
        "I1",
        (
            Change("bus/kafka/outbox.py", "records: int = 10_000", "records: int = 5"),
            Change(
                "bus/kafka/handover.py",
                "        except PublishError as error:\n"
                "            PUBLISH_ERRORS.labels(word_of(error)).inc()\n"
                "            raise\n",
                "        except PublishError:\n"
                "            resolve(Position(record.topic, 0, 0))\n"
                "            return False\n",
            ),
        ),
    ),
}
STORAGES: Mapping[str, Mutant] = {
    "committing": Mutant(
        "commits offsets before the database",
        "I1",
        (
            Change(
                "bus/worker/loop.py",
                "        left = deque([batch])\n",
                "        self._offsets.settled(record.position for record in batch)\n"
                "        self._commit(subscription)\n"
                "        left = deque([batch])\n",
            ),
        ),
        dies_at="after-commit",
    ),
    "keyless": Mutant(
        "has no unique key and does not ask",
        "I2",
        (
            Change(
                "consumers/migrations/versions/0001_events.py",
                '        "events",\n        sa.Column("event_id", PlainText, primary_key=True),\n',
                '        "events",\n        sa.Column("event_id", PlainText, nullable=False),\n',
            ),
            Change("consumers/drift.py", "    if list(there) != wanted:\n", "    if False:\n"),
            Change(
                "consumers/storage/sinks/bulk_sqlite.py",
                "    new = rows.keys() - connection.exec_driver_sql(_WHICH, (ids,)).scalars()\n",
                "    new = set(rows)\n",
            ),
        ),
        dies_at="after-write",
    ),
}
MUTANTS = {**INGESTS, **STORAGES}


@pytest.fixture(scope="module")
def judgements(
    clusters: Clusters, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Judgement]]:
    """What the judge says of each of them, after one outage with kills for all."""
    cluster = clusters.give(1, QUICK)
    clusters.release()
    folder = tmp_path_factory.mktemp("mutants")
    paths = {
        name: {"PYTHONPATH": mutant(folder / name, *made.changes)} for name, made in MUTANTS.items()
    }
    plan = Plan(
        ingests=(SOUND_INGEST, *INGESTS),
        twins=tuple(STORAGES),
        has_alerting=False,
        own=paths,
        settings={"INFERBUS_INGEST__PUBLISH_DEADLINE_S": "1"},
    )
    with running_system(folder / "system", cluster.bootstrap_servers, plan) as system:
        books = _suffer(system, cluster)
        yield _judged(system, books)


def _suffer(system: System, cluster: KafkaCluster) -> dict[str, Book]:
    with ExitStack() as undo:
        books = {name: _loaded(system, name, undo) for name in system.plan.ingests}
        for name, made in STORAGES.items():
            system[name].stop()
            system[name].start(INFERBUS_TEST_FAILPOINT=made.dies_at)
        for name in STORAGES:
            assert system[name].wait_ended(60) == -9, f"{name} did not die at its failpoint"
            system[name].start()
        cluster.freeze(1)
        time.sleep(OUTAGE_S)
        for name in system.plan.ingests:
            system[name].kill()
        cluster.thaw(1)
    system.ensure_running()
    wait_drained([*_spools(system), Lag(system.servers, system.groups, system.prefix)], 90)
    return books


def _loaded(system: System, ingest: str, undo: ExitStack) -> Book:
    """Send to one ingest until the stack is left; return its book."""
    ledger = undo.enter_context(Ledger(system.folder / f"ledger-{ingest}"))
    load = Load(ledger, [system.url_of(ingest)], Sender(rate=25, retries=0, timeout_s=5.0))
    undo.enter_context(load.running())
    load.wait_for_acks(5)
    return ledger.book


def _spools(system: System) -> list[Ask]:
    return [spool_empty(system[name].admin_url) for name in system.plan.ingests]


def _judged(system: System, books: Mapping[str, Book]) -> dict[str, Judgement]:
    """Judge each ingest by what was sent to it, each storage by what the sound ingest was sent."""
    everything = {each for book in books.values() for each in book.identities()}
    held = dict(zip((SOUND_STORAGE, *STORAGES), map(read_stored, system.databases), strict=True))
    found = {
        name: judge(books[name], held[SOUND_STORAGE], known=everything)
        for name in system.plan.ingests
    }
    for name in STORAGES:
        found[name] = judge(books[SOUND_INGEST], held[name], known=everything)
    for name, judgement in found.items():
        what = f"mutant: {MUTANTS[name].what}" if name in MUTANTS else "sound beside the mutants"
        REPORT.add(row="M", what=what, **judgement.figures, verdict=verdict_of(judgement, "M"))
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_can_still_be_made(name: str, tmp_path: Path) -> None:
    """What it changes stands in the code as it is: told in the short form, too."""
    assert mutant(tmp_path, *MUTANTS[name].changes) == str(tmp_path)


@full_form_only
def test_nothing_is_found_in_the_sound_one(judgements: Mapping[str, Judgement]) -> None:
    """The same kills and the same outage, without a broken promise."""
    assert not judgements[SOUND_INGEST].broken, judgements[SOUND_INGEST]


@full_form_only
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_promise_is_found(name: str, judgements: Mapping[str, Judgement]) -> None:
    """The invariant that it breaks fails."""
    assert MUTANTS[name].breaks in judgements[name].broken, judgements[name]
