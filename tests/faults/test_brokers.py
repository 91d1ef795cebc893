"""One Kafka node that dies, freezes, or loses a topic."""

import pytest

from tests.faults.conftest import HAS_SMALL_DISKS
from tests.faults.draining import wait_drained
from tests.faults.load import Sender
from tests.faults.report import FULL, full_form_only, scaled
from tests.faults.rows import row
from tests.faults.system import System
from tests.support.kafka import KafkaCluster, why_no_small_disk

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(1800)]


def test_f5_whole_cluster_down(one_node: KafkaCluster, system: System) -> None:
    """The spool takes everything at once; it drains when Kafka is back."""
    seconds = scaled(5, 60)
    with row("F5", f"whole cluster down {seconds:.0f} s", system, Sender(rate=100)) as run:
        one_node.kill(1)
        run.go_on(seconds)
        one_node.restart(1)
        run.fault_is_over()


@full_form_only
@pytest.mark.parametrize("seconds", [5, 15, 45, 90] if FULL else [7])
def test_f3_broker_frozen(one_node: KafkaCluster, system: System, seconds: int) -> None:
    """Connections hang and nothing answers: longer than every timeout in the long form."""
    with row("F3", f"broker SIGSTOP {seconds} s", system, Sender(rate=100)) as run:
        one_node.freeze(1)
        run.go_on(seconds)
        one_node.thaw(1)
        run.fault_is_over()


@full_form_only
def test_broker_killed_again_and_again(one_node: KafkaCluster, system: System) -> None:
    """Each time it is back within seconds, with what it had acknowledged."""
    kills = int(scaled(1, 10))
    with row("KILL", f"broker SIGKILL x{kills}", system, Sender(rate=100)) as run:
        for _ in range(kills):
            one_node.kill(1)
            one_node.restart(1)
            run.fault_is_over()
            run.go_on(scaled(0.5, 2))


@pytest.mark.skipif(not HAS_SMALL_DISKS, reason=str(why_no_small_disk()))
def test_f12_broker_disk_full(one_node: KafkaCluster, system: System) -> None:
    """Kafka gives up its disk and ends; what it had acknowledged is there when it is back."""
    with row("F12", "the broker's disk full", system, Sender(rate=100)) as run:
        one_node.fill_disk(1)
        one_node.nodes[1].wait_ended(60)
        run.go_on(scaled(2, 10))
        one_node.free_disk(1)
        one_node.restart(1)
        run.fault_is_over()


@full_form_only
def test_f13_topic_deleted(one_node: KafkaCluster, system: System) -> None:
    """Its deliveries wait in the spool and no other topic is held up; made anew, it goes on."""
    # Nothing unread may lie on it: that is lost by whoever deletes it.
    wait_drained(system.drained(), 30)
    one_node.delete_topic(f"{system.prefix}.failed")
    with row("F13", "a topic missing, made anew", system, Sender(rate=60)) as run:
        run.go_on(scaled(3, 20))
        assert system.run("topics", "create").returncode == 0
        run.fault_is_over()
