"""Clusters and systems for the rows; the table at the end of the run."""

from collections.abc import Iterator

import pytest

from tests.faults.clusters import Clusters
from tests.faults.report import REPORT
from tests.faults.system import System, running_system
from tests.support.kafka import ClusterOptions, KafkaCluster, why_unavailable

# Short, so that a killed broker's partitions and its own return take seconds.
QUICK = ClusterOptions(session_timeout_ms=1000)
THREE = ClusterOptions(session_timeout_ms=3000)


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    missing = why_unavailable()
    if missing is not None:
        pytest.skip(f"no Kafka: {missing}")
    clusters = Clusters()
    yield clusters
    clusters.close()


@pytest.fixture
def one_node(clusters: Clusters) -> KafkaCluster:
    """A single node."""
    return clusters.give(1, QUICK)


@pytest.fixture
def three_nodes(clusters: Clusters) -> KafkaCluster:
    """Three nodes, replication 3, two in sync."""
    return clusters.give(3, THREE)


@pytest.fixture(scope="module")
def system(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A plain system on one node, shared by a module's rows."""
    cluster = clusters.give(1, QUICK)
    with running_system(tmp_path_factory.mktemp("system"), cluster.bootstrap_servers) as system:
        yield system


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the rows that ran."""
    if REPORT.rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(REPORT.table())
