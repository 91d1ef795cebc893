"""An endpoint per test; `overrides` and `spool_mode` are parametrized where a test needs them."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from bus.runtime.health import Health
from bus.runtime.logs import configure_logs
from bus.runtime.settings import load_settings
from ingest.report import DeliveryReport
from ingest.service import IngestService
from tests.faults.clusters import Clusters
from tests.support import workers
from tests.support.endpoint import KEYS, Endpoint, GatedPublisher
from tests.support.kafka import ClusterOptions, KafkaCluster, Listener
from tests.support.lanes import piece

_CLUSTERS = pytest.StashKey[Clusters]()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the last cluster with the piece of work that uses it."""
    if nextitem is None or piece(nextitem.nodeid) != piece(item.nodeid):
        item.config.stash.get(_CLUSTERS, Clusters()).close()


@pytest.fixture(scope="session")
def clusters(pytestconfig: pytest.Config) -> Clusters:
    """Clusters, one at a time, which go from one file to the next."""
    return pytestconfig.stash.setdefault(_CLUSTERS, Clusters())


@pytest.fixture(scope="module")
def three_nodes(clusters: Clusters) -> KafkaCluster:
    """Three nodes that miss each other soon, replication 3, two in sync."""
    return clusters.give(3, ClusterOptions(session_timeout_ms=3000))


@pytest.fixture(scope="module")
def secured_node(clusters: Clusters) -> KafkaCluster:
    """One node with every listener, denying what no ACL allows; names must be one's own."""
    return clusters.give(1, ClusterOptions(listeners=tuple(Listener), acls=True))


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {}


@pytest.fixture
def spool_mode() -> str:
    return "fallback"


@pytest.fixture
async def endpoint(
    tmp_path: Path, overrides: dict[str, Any], spool_mode: str
) -> AsyncIterator[Endpoint]:
    ingest = {"port": 0, "signing_keys": KEYS, "publish_deadline_s": 0.5, **overrides}
    settings = load_settings(data_dir=tmp_path, ingest=ingest, spool={"mode": spool_mode})
    publisher, reports = GatedPublisher(), list[DeliveryReport]()
    service = IngestService(settings, publisher, Health(), observe=reports.append)  # type: ignore[arg-type] # only what ingest uses
    await service.start()
    async with ClientSession() as session:
        yield Endpoint(service, publisher, reports, session)
    publisher.gate.set()
    await service.stop()


@pytest.fixture
def json_logs() -> Iterator[StringIO]:
    """What is logged, as a service does it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    said = StringIO()
    with contextlib.redirect_stderr(said):
        configure_logs("info", "json")
    yield said
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def ingest(tmp_path: Path, real_kafka: str, topic_prefix: str) -> Iterator[workers.Endpoint]:
    """An `inferbus ingest` of its own processes, not started, on a Kafka with its topics."""
    with workers.endpoint_with_topics(tmp_path, real_kafka, topic_prefix) as made:
        yield made
