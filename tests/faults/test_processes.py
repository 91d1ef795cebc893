"""Processes of ours that die, stop or freeze under load."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping

import pytest

from tests.faults.deliveries import Mix
from tests.faults.load import Sender
from tests.faults.pills import publish_pills
from tests.faults.report import FULL, REPORT, full_form_only, scaled
from tests.faults.rows import Run, row
from tests.faults.services import Service, ask, children
from tests.faults.system import System
from tests.support.kafka import KafkaCluster
from tests.support.kafka.node import KILLS

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(1800)]

CHANCE = random.Random(14)  # noqa: S311 - moments, no secret

CONSUMERS = ("storage", "alerting")
BETWEEN_STEPS = (
    ("after-poll", "in-transaction", "after-write", "after-commit", "before-park", "after-park")
    if FULL
    # Those that a wrong order would show in.
    else ("in-transaction", "after-write", "after-park")
)
COUNTS = ("", ":2", ":7") if FULL else ("",)


@full_form_only
def test_f14_ingest_killed_under_load(one_node: KafkaCluster, system: System) -> None:
    """What it has acknowledged is in Kafka or in its spool, which its next start drains."""
    kills = int(scaled(2, 20))
    with row("F14", f"ingest SIGKILL x{kills} under load", system, Sender(rate=150)) as run:
        for _ in range(kills):
            run.go_on(CHANCE.uniform(0.2, 1.2))
            system["ingest"].kill()
            run.fault_is_over()
            system["ingest"].start()
            system["ingest"].wait_ready()
            run.load.wait_for_acks(5)


@full_form_only
def test_f15_ingest_stopped_in_order_under_load(one_node: KafkaCluster, system: System) -> None:
    """It answers what it has read, exits 0 within 20 s, and nothing acknowledged is lost."""
    stops = int(scaled(1, 20))
    with row("F15", f"ingest SIGTERM x{stops} under load", system, Sender(rate=150)) as run:
        for _ in range(stops):
            run.go_on(CHANCE.uniform(0.2, 1.0))
            started = time.monotonic()
            assert system["ingest"].stop() == 0
            assert time.monotonic() - started < 20
            run.fault_is_over()
            system["ingest"].start()
            system["ingest"].wait_ready()
            run.load.wait_for_acks(5)


FROM_JOURNAL = {"INFERBUS_SPOOL__MODE": "always", "INFERBUS_SPOOL__ANSWER": "spool"}


@pytest.fixture
def two_workers(system: System) -> Iterator[System]:
    """The system with an ingest of two workers, and with one again afterwards."""
    yield from _with_ingest(system, {"INFERBUS_INGEST__WORKERS": "2"})


@pytest.fixture
def journal_first(system: System) -> Iterator[System]:
    """The system with an ingest that answers from its journal, and as it was afterwards."""
    yield from _with_ingest(system, FROM_JOURNAL)


def _with_ingest(system: System, settings: Mapping[str, str]) -> Iterator[System]:
    ingest = system["ingest"]
    for given in (settings, {}):
        ingest.kill()  # nothing is under way between rows, and in order it takes its grace
        ingest.start(**given)
        ingest.wait_ready()
        if given:
            yield system


def test_f14_relays_and_their_ingest_killed_under_load(
    one_node: KafkaCluster, journal_first: System
) -> None:
    """What was answered from the journal is published by the ingress, or its next start."""
    kills = int(scaled(3, 20))
    what = f"answers from the journal; its relay SIGKILL x{kills}, the ingest each third time"
    ingest = journal_first["ingest"]
    with row("F14", what, journal_first, Sender(rate=150)) as run:
        for turn in range(kills):
            run.go_on(CHANCE.uniform(0.2, 1.2))
            if turn % 3 == 1:
                _kill_whole(ingest, FROM_JOURNAL)
            else:
                _end_relay(ingest)
                KILLS.sent += 1
            run.fault_is_over()
            run.load.wait_for_acks(5)


def _kill_whole(ingest: Service, settings: Mapping[str, str]) -> None:
    ingest.kill()
    ingest.start(**settings)
    ingest.wait_ready()


def _end_relay(ingest: Service) -> None:
    ends_at = time.monotonic() + 120
    while not (relays := children(ingest.pid, "inferbus.relay")):
        assert time.monotonic() < ends_at, f"no relay runs\n{ingest.log[-2000:]}"
        time.sleep(0.05)
    os.kill(relays[0], signal.SIGKILL)


def test_f14_workers_killed_under_load(one_node: KafkaCluster, two_workers: System) -> None:
    """One worker, then the other, now and then all at once: spools are adopted and drained."""
    kills = int(scaled(2, 20))
    what = f"one of two workers SIGKILL x{kills}, all of them each fifth time"
    ingest = two_workers["ingest"]
    with row("F14", what, two_workers, Sender(rate=150)) as run:
        for turn in range(kills):
            run.go_on(CHANCE.uniform(0.2, 1.2))
            if turn % 5 == 1:
                _kill_whole(ingest, {"INFERBUS_INGEST__WORKERS": "2"})
            else:
                _signal_worker(ingest, turn % 2, signal.SIGKILL)
                KILLS.sent += 1
            run.fault_is_over()
            run.load.wait_for_acks(5)


@full_form_only
def test_f15_workers_replaced_under_load(one_node: KafkaCluster, two_workers: System) -> None:
    """One after the other is asked to end: no connection is refused, for another one serves."""
    stops = int(scaled(2, 20))
    with row("F15", f"one of two workers SIGTERM x{stops}", two_workers, Sender(rate=150)) as run:
        for turn in range(stops):
            run.go_on(CHANCE.uniform(0.2, 1.0))
            _signal_worker(two_workers["ingest"], turn % 2, signal.SIGTERM)
            run.fault_is_over()
            run.load.wait_for_acks(5)
    assert run.load.errors["ClientConnectorError"] == 0, run.load.errors


def _signal_worker(ingest: Service, number: int, what: signal.Signals) -> None:
    """Signal one worker; return once another process has taken its place and serves."""
    pid = _wait_for_workers(ingest)[number]
    os.kill(pid, what)
    _wait_for_workers(ingest, without=pid)


def _wait_for_workers(ingest: Service, without: int | None = None) -> list[int]:
    """Return the process ids of both workers once both serve, and none of them is that one."""
    ends_at = time.monotonic() + 120
    while len(pids := _serving(ingest)) < 2 or without in pids:
        assert time.monotonic() < ends_at, f"{pids} serve\n{ingest.log[-2000:]}"
        time.sleep(0.05)
    return pids


def _serving(ingest: Service) -> list[int]:
    """Return the process ids of the workers that serve."""
    _, said = ask(f"{ingest.admin_url}/readyz")
    try:
        checks = json.loads(said)["checks"]
    except (ValueError, KeyError):
        return []
    workers = [check for name, check in sorted(checks.items()) if name.startswith("worker ")]
    return [check["pid"] for check in workers if check["status"] == "ok"]


@full_form_only
def test_f16_ingest_frozen(one_node: KafkaCluster, system: System) -> None:
    """Its senders hear nothing and keep their deliveries."""
    sender = Sender(rate=50, timeout_s=3.0)
    with row("F16", "ingest SIGSTOP", system, sender) as run:
        system["ingest"].freeze()
        run.go_on(scaled(4, 30))
        system["ingest"].thaw()
        run.fault_is_over()


@full_form_only
def test_f20_consumers_killed_at_random(one_node: KafkaCluster, system: System) -> None:
    """Both redo what they had not committed; a row, a count and an alert stay one."""
    kills = int(scaled(1, 10))
    what = f"storage and alerting SIGKILL x{kills} each"
    with row("F20", what, system, Sender(rate=100)) as run:
        for _ in range(kills):
            # Half of the time within a rebalance, half of the time in the middle of work.
            run.go_on(CHANCE.uniform(0.5, scaled(1.5, 8)))
            for name in ("storage", "alerting"):
                system[name].kill()
                system[name].start()
        run.fault_is_over()


def test_everything_killed_at_once(one_node: KafkaCluster, system: System) -> None:
    """Ingest, storage, alerting and the broker, as when the machine's programs all die."""
    kills = int(scaled(1, 6))
    what = f"ingest, storage, alerting and broker SIGKILL x{kills} at once"
    with row("ALL", what, system, Sender(rate=100)) as run:
        for _ in range(kills):
            run.go_on(CHANCE.uniform(0.5, 3.0))
            _kill_all(run, one_node)
            run.load.wait_for_acks(5)


def _kill_all(run: Run, cluster: KafkaCluster) -> None:
    for service in run.system.services.values():
        service.kill()
    cluster.kill(1)
    run.fault_is_over()
    for service in run.system.services.values():
        service.start()
    cluster.restart(1)


def test_f19_consumers_killed_between_any_two_steps(one_node: KafkaCluster, system: System) -> None:
    """Before the write, in its transaction, after it, after the commit, around parking."""
    places = [f"{place}{count}" for place in BETWEEN_STEPS for count in COUNTS]
    what = f"storage and alerting SIGKILL at {len(places)} failpoints each"
    sender = Sender(rate=60, mix=Mix(failed=0.3))
    with row("F19", what, system, sender) as run:
        for name in CONSUMERS:
            system[name].stop()
        for place in places:
            _die_at(system, place)
        run.fault_is_over()


def _die_at(system: System, place: str) -> None:
    """Have both consumers reach a failpoint, at which they are killed."""
    if "park" in place:
        # Enough for the seventh parking, too; many more would blow the fuse for dead letters.
        publish_pills(system, 4)
    for name in CONSUMERS:
        system[name].start(INFERBUS_TEST_FAILPOINT=place)
    for name in CONSUMERS:
        assert system[name].wait_ended(120) == -9, f"{name} did not die at {place}"
        KILLS.sent += 1
    if not FULL:
        system.expel_members()


def test_f21_rebalance_storm(one_node: KafkaCluster, pair: System) -> None:
    """Members come, die, and freeze beyond their session, so that they wake up as zombies."""
    turns = int(scaled(2, 30))
    with row("F21", f"rebalance storm, {turns} turns", pair, Sender(rate=80)) as run:
        zombie, *victims = (pair[name] for name in pair.plan.storages)
        zombie.freeze()
        for turn in range(turns):
            victim = victims[turn % len(victims)]
            CHANCE.choice((victim.kill, victim.stop))()
            run.go_on(CHANCE.uniform(0.5, 2.0))
            victim.start()
            run.go_on(CHANCE.uniform(0.5, 2.0))
            if turn % 12 == 11:
                zombie.thaw()
                run.go_on(2.0)
                zombie.freeze()
        zombie.thaw()
        run.fault_is_over()
    assert REPORT.rows[-1]["doubled"] == 0
