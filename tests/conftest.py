"""Buses for every test: in memory, embedded, and a real Kafka where there is one."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from bus.devbroker import EmbeddedBroker
from bus.kafka import EMBEDDED, KafkaBus, KafkaTuning
from bus.memory import MemoryBus
from bus.runtime.settings import KafkaSettings
from tests.support.kafka import KAFKA_VERSION, KafkaCluster, why_unavailable

# Other programs share the machine: how long one example takes says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

_ENVIRONMENT = "INFERBUS_TEST_BOOTSTRAP_SERVERS"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run name its Kafka."""
    parser.addoption(
        "--bootstrap-servers",
        default=os.environ.get(_ENVIRONMENT),
        help=f"run the Kafka tests against this cluster (default ${_ENVIRONMENT})",
    )


def pytest_report_header(config: pytest.Config) -> str:
    """Say which Kafka the tests run against."""
    named = config.getoption("--bootstrap-servers")
    if named:
        return f"kafka: {named}"
    missing = why_unavailable()
    if missing is None:
        return f"kafka: Apache Kafka {KAFKA_VERSION}, one node, started when a test asks for it"
    return f"kafka: none, tests on it are skipped ({missing})"


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test uses: brokers are shared."""
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture
def memory_bus() -> MemoryBus:
    """A bus of this test's own."""
    return MemoryBus()


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """The broker that `inferbus up` brings along, one for the whole run."""
    broker = EmbeddedBroker(Path(tmp_path_factory.mktemp("embedded")))
    # This is the main thread: the broker ends with it, should the run be killed.
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@pytest.fixture
def embedded_bus(embedded_broker: EmbeddedBroker) -> KafkaBus:
    """A bus on the embedded broker."""
    return KafkaBus(KafkaSettings(bootstrap_servers=embedded_broker.bootstrap_servers), EMBEDDED)


@pytest.fixture(scope="session")
def real_kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """
    The bootstrap servers of a real Kafka: the one named, else a node from Maven's jars.

    Tests that break brokers start a `KafkaCluster` of their own.
    """
    named = request.config.getoption("--bootstrap-servers")
    if named:
        yield str(named)
        return
    missing = why_unavailable()
    if missing is not None:
        pytest.skip(f"no Kafka: {missing}")
    with KafkaCluster() as cluster:
        yield cluster.bootstrap_servers


@pytest.fixture
def kafka_bus(real_kafka: str) -> KafkaBus:
    """A bus on the real Kafka."""
    # 6 s is the shortest session that Kafka allows by default.
    return KafkaBus(KafkaSettings(bootstrap_servers=real_kafka), KafkaTuning(session_timeout_s=6.0))
