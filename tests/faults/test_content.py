"""What is sent is the fault: the same again, other content, foreign records, wrong clocks."""

from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.faults.deliveries import Mix
from tests.faults.load import Sender
from tests.faults.pills import PILLS, publish_pills
from tests.faults.report import REPORT, full_form_only, scaled
from tests.faults.rows import row
from tests.faults.services import Service
from tests.faults.system import System
from tests.support.kafka import KafkaCluster
from tests.support.preparing import FAKETIME

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]

_CLOCKS = ("-1d", "+1d", "-1h", "+1h")


def test_f30_duplicate_storm(one_node: KafkaCluster, pair: System) -> None:
    """Each delivery ten times at once over two ingests is one row."""
    sender = Sender(rate=20, copies=10, duplicates=0.2)
    with row("F30", "each delivery x10 at once, two ingests", pair, sender) as run:
        run.go_on(scaled(3, 30))
    assert REPORT.rows[-1]["copies"] >= 1  # type: ignore[operator] # a count


def test_f31_conflicts(one_node: KafkaCluster, pair: System) -> None:
    """Other content under the same id is kept beside the first, never over it."""
    sender = Sender(rate=80, mix=Mix(conflicting=0.4))
    with row("F31", "same id, other content", pair, sender) as run:
        run.go_on(scaled(2, 20))
    assert REPORT.rows[-1]["conflicts"] >= 20  # type: ignore[operator] # a count


def test_f26_poison_pills(one_node: KafkaCluster, pair: System) -> None:
    """Each is parked once for each consumer; the partition moves on."""
    rounds = int(scaled(1, 2))
    with row("F26", f"{len(PILLS)} kinds of unreadable records", pair, Sender(rate=60)) as run:
        for _ in range(rounds):
            publish_pills(pair)
            run.go_on(2.0)
        run.fault_is_over()
    parked = _dead_letters(pair)
    assert {name for name, _ in parked} == {"storage", "alerting"}
    assert len(parked) == len(set(parked)) >= 2 * (len(PILLS) - 1)


@full_form_only
@pytest.mark.needs("faketime")
@pytest.mark.parametrize("shift", _CLOCKS)
def test_f27_clocks_apart(one_node: KafkaCluster, pair: System, shift: str) -> None:
    """One ingest and one storage live a day away: nothing is told apart by its time."""
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    what = f"one ingest and one storage {shift}"
    shifted = [pair[name] for name in ("ingest-2", "storage-2")]
    with row("F27", what, pair, Sender(rate=60), is_told=False) as run:
        _restart(shifted, **fake)
        for service in shifted:
            service.wait_ready()
        run.go_on(scaled(2, 6))
        run.fault_is_over()
        _restart(shifted)


def _restart(services: Sequence[Service], **settings: str) -> None:
    """Stop them in order, all at once, and start them with these settings."""
    for service in services:
        service.terminate()
    for service in services:
        assert service.wait_ended() == 0
        service.start(**settings)


def _dead_letters(system: System) -> list[tuple[str, str]]:
    engine = create_engine(system.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT consumer, value_sha256 FROM dead_letters"))
        return [(row[0], row[1]) for row in rows]
