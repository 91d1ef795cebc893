"""Three nodes, replication 3, two in sync: leaders, followers and controllers lost."""

import pytest

from tests.faults.clusters import Clusters
from tests.faults.load import Sender
from tests.faults.report import full_form_only, scaled
from tests.faults.rows import row
from tests.faults.system import System, running_system
from tests.support.kafka import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(3600)]

LOAD = Sender(rate=scaled(60, 100))


@pytest.fixture
def replicated(
    three_nodes: KafkaCluster, clusters: Clusters, tmp_path_factory: pytest.TempPathFactory
) -> System:
    """A plain system on three nodes."""
    folder, servers = tmp_path_factory.mktemp("replicated"), three_nodes.bootstrap_servers
    return clusters.hold("replicated", lambda: running_system(folder, servers))


def test_f1_leader_chased_by_kills(three_nodes: KafkaCluster, replicated: System) -> None:
    """Whoever leads is killed, then whoever leads next; the spool answers meanwhile."""
    kills = int(scaled(1, 5))
    topic = f"{replicated.prefix}.succeeded"
    with row("F1", f"leader SIGKILL x{kills}", replicated, LOAD) as run:
        for _ in range(kills):
            leader = three_nodes.wait_for_leader(topic)
            three_nodes.kill(leader)
            three_nodes.wait_for_leader(topic, other_than=leader)
            run.go_on(scaled(1, 10))
            three_nodes.restart(leader)
            run.fault_is_over()


@full_form_only
def test_f2_rolling_restart(three_nodes: KafkaCluster, replicated: System) -> None:
    """Every node is stopped in order and started again, one after the other."""
    with row("F2", "rolling SIGTERM of all nodes x2", replicated, LOAD) as run:
        for _ in range(2):
            for node in (1, 2, 3):
                three_nodes.stop(node)
                run.go_on(2.0)
                three_nodes.restart(node)
        run.fault_is_over()


@full_form_only
def test_f3_leader_frozen(three_nodes: KafkaCluster, replicated: System) -> None:
    """A leader whose time stands still, and who wakes up deposed."""
    with row("F3", "leader of three SIGSTOP 30 s", replicated, LOAD) as run:
        leader = three_nodes.wait_for_leader(f"{replicated.prefix}.succeeded")
        three_nodes.freeze(leader)
        run.go_on(30.0)
        three_nodes.thaw(leader)
        three_nodes.wait_for_nodes()
        run.fault_is_over()


@full_form_only
def test_f4_two_of_three_frozen_in_a_loop(three_nodes: KafkaCluster, replicated: System) -> None:
    """The fault that left gaps behind librdkafka's idempotent producer (#4134)."""
    with row("F4", "two of three SIGSTOP 15 s, on 8 s, x4", replicated, LOAD) as run:
        for turn in range(4):
            frozen = [1 + turn % 3, 1 + (turn + 1) % 3]
            for node in frozen:
                three_nodes.freeze(node)
            run.go_on(15.0)
            for node in frozen:
                three_nodes.thaw(node)
            run.go_on(8.0)
        three_nodes.wait_for_nodes()
        run.fault_is_over()


def test_f6_fewer_in_sync_than_asked(three_nodes: KafkaCluster, replicated: System) -> None:
    """Kafka refuses, the spool takes it; nothing is acknowledged by a leader alone."""
    with row("F6", "in-sync replicas below the minimum", replicated, LOAD) as run:
        leader = three_nodes.wait_for_leader(f"{replicated.prefix}.succeeded")
        followers = [node for node in (1, 2, 3) if node != leader]
        for node in followers:
            three_nodes.kill(node)
        run.go_on(scaled(5, 15))
        three_nodes.restart(*followers)
        run.fault_is_over()


@full_form_only
def test_f7_controller_killed(three_nodes: KafkaCluster, replicated: System) -> None:
    """The quorum's leader goes, and with it whoever would name new partition leaders."""
    with row("F7", "active controller SIGKILL x3", replicated, LOAD) as run:
        for _ in range(3):
            with three_nodes.admin() as admin:
                controller = admin.describe_cluster()["controller_id"]
            three_nodes.kill(controller)
            run.go_on(8.0)
            three_nodes.restart(controller)
        run.fault_is_over()
