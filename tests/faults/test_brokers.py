"""One Kafka node that dies, freezes or loses its topics."""

import pytest

from tests.faults.load import Sender
from tests.faults.report import scaled
from tests.faults.rows import row
from tests.faults.system import System
from tests.support.kafka import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]


def test_f5_whole_cluster_down(one_node: KafkaCluster, system: System) -> None:
    """The spool takes everything at once; it drains when Kafka is back."""
    with row("F5", "whole cluster down", system, Sender(rate=100)) as run:
        one_node.kill(1)
        run.go_on(scaled(8, 60))
        one_node.restart(1)
        run.fault_is_over()
