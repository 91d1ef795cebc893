"""Processes of ours that die, stop or freeze under load."""

import random

import pytest

from tests.faults.load import Sender
from tests.faults.report import scaled
from tests.faults.rows import row
from tests.faults.system import System
from tests.support.kafka import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]

CHANCE = random.Random(14)  # noqa: S311 - moments, no secret


def test_f14_ingest_killed_under_load(one_node: KafkaCluster, system: System) -> None:
    """What it has acknowledged is in Kafka or in its spool, which its next start drains."""
    with row("F14", "ingest SIGKILL under load", system, Sender(rate=150)) as run:
        for _ in range(int(scaled(3, 30))):
            run.go_on(CHANCE.uniform(0.2, 1.2))
            system["ingest"].kill()
            run.fault_is_over()
            system["ingest"].start()
            system["ingest"].wait_ready()
            run.load.wait_for_acks(5)
