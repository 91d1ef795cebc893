"""Clusters and systems for the rows, shared as far as they go; the table at the end of the run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.clusters import Clusters
from tests.faults.report import FULL, REPORT, scaled
from tests.faults.system import Plan, System, running_system
from tests.support.kafka import (
    ClusterOptions,
    KafkaCluster,
    why_no_small_disk,
    why_unavailable,
)
from tests.support.kafka.disk import small_disk

FAILING_DISK = Path(__file__).with_name("failing_disk")
HAS_SMALL_DISKS = why_no_small_disk() is None
# Session timeouts are short, so that a killed broker's partitions and its return take seconds.
QUICK = ClusterOptions(
    session_timeout_ms=1000, disk_mb=int(scaled(256, 2048)) if HAS_SMALL_DISKS else None
)
THREE = ClusterOptions(session_timeout_ms=3000)
DATABASE_DISK = "disk-database"
SPOOL_DISK = "spool-ingest"
_CLUSTERS = pytest.StashKey[Clusters]()

# What shares a cluster or a system runs in a row: each is started once.
_GROUPS = ("system", "pair", "judgements", "endpoint", "one_node", "proxy", "three_nodes")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say how it goes, where it takes long."""
    if FULL:
        REPORT.write_line = partial(_say, config.pluginmanager)
        REPORT.begin()


def _say(plugins: pytest.PytestPluginManager, line: str) -> None:
    """Write to the terminal itself: what a test prints is kept back while it runs."""
    terminal, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    if terminal is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(line)
            terminal.flush()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put rows on the same system side by side."""
    ours = [n for n, item in enumerate(items) if Path(__file__).parent in item.path.parents]
    in_groups = sorted((items[n] for n in ours), key=_group)
    for n, item in zip(ours, in_groups, strict=True):
        items[n] = item


def _group(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return next((n for n, name in enumerate(_GROUPS) if name in names), len(_GROUPS))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the last system and cluster with their last row: idle ones take their time, too."""
    if "clusters" not in getattr(nextitem, "fixturenames", ()):
        item.config.stash.get(_CLUSTERS, Clusters()).close()


@pytest.fixture(scope="session")
def clusters(pytestconfig: pytest.Config) -> Clusters:
    missing = why_unavailable()
    if missing is not None:
        pytest.skip(f"no Kafka: {missing}")
    return pytestconfig.stash.setdefault(_CLUSTERS, Clusters())


@pytest.fixture
def one_node(clusters: Clusters) -> KafkaCluster:
    """A single node, on a disk of its own where one can be mounted."""
    return clusters.give(1, QUICK)


@pytest.fixture
def three_nodes(clusters: Clusters) -> KafkaCluster:
    """Three nodes, replication 3, two in sync."""
    return clusters.give(3, THREE)


@pytest.fixture
def system(
    one_node: KafkaCluster, clusters: Clusters, tmp_path_factory: pytest.TempPathFactory
) -> System:
    """One ingest, one storage, alerting; database and spool on disks that can be filled."""
    servers = one_node.bootstrap_servers
    return clusters.hold("plain", lambda: _on_small_disks(tmp_path_factory, servers))


@pytest.fixture
def pair(
    one_node: KafkaCluster, clusters: Clusters, tmp_path_factory: pytest.TempPathFactory
) -> System:
    """Two ingests with a spool each, and several storages in one group."""
    storages = ("storage", *(f"storage-{n}" for n in range(2, int(scaled(4, 6)))))
    plan = Plan(ingests=("ingest", "ingest-2"), storages=storages, partitions=6)
    folder, servers = tmp_path_factory.mktemp("pair"), one_node.bootstrap_servers
    return clusters.hold("pair", lambda: running_system(folder, servers, plan))


@contextmanager
def _on_small_disks(factory: pytest.TempPathFactory, servers: str) -> Iterator[System]:
    folder = factory.mktemp("plain")
    with ExitStack() as undo:
        for name, megabytes in ((DATABASE_DISK, scaled(64, 1024)), (SPOOL_DISK, scaled(48, 256))):
            (folder / name).mkdir()
            if HAS_SMALL_DISKS:
                undo.enter_context(small_disk(folder / name, int(megabytes)))
        disk = {"PYTHONPATH": str(FAILING_DISK), "INFERBUS_TEST_DISK": str(folder / "disk-fault")}
        plan = Plan(
            database_url=f"sqlite:///{folder / DATABASE_DISK / 'inferbus.db'}",
            own={"ingest": disk},
        )
        yield undo.enter_context(running_system(folder, servers, plan))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the rows to the process that prints, where tests run in others."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["rows"] = REPORT.rows


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the rows of a process that has run some."""
    REPORT.rows += getattr(node, "workeroutput", {}).get("rows", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the rows that ran."""
    if REPORT.rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(REPORT.table())
