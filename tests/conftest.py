"""Buses and databases for every test; the summary says which Kafka and which PostgreSQL."""

import asyncio
import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, make_url

from bus.devbroker import EmbeddedBroker
from bus.kafka import EMBEDDED, KafkaBus, KafkaTuning
from bus.memory import MemoryBus
from bus.runtime.settings_sections import KafkaSettings
from tests.support import postgres
from tests.support.engine import OWNER, remove_containers, why_no_engine
from tests.support.preparing import wait_prepared, why_not
from tests.support.servers import (
    KAFKA_ENVIRONMENT,
    Choice,
    kafka_choice,
    postgres_choice,
)
from tests.support.shared import SharedServers

# Some million objects come with 3,500 tests: with Python's threshold of 700 looking for cycles
# takes 30 % of the time to collect them and 15 % of the unit tests'.
gc.set_threshold(50_000)

# Other programs share the machine: how long one example takes says nothing. And whether chance
# makes twenty large ones first says nothing of the code.
_BY_CHANCE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("shared", deadline=None, suppress_health_check=_BY_CHANCE)
# `make test` gives each property 50 examples, the same ones in each run: what fails there is due to
# the change that is tested. A file that is run by itself gets 100 others each time.
settings.register_profile(
    "short", settings.get_profile("shared"), max_examples=50, derandomize=True
)
settings.load_profile("shared")

# A lone member waits for half a session until it gets its first record.
_EMBEDDED = replace(EMBEDDED, session_timeout_s=2.0)

_KAFKA = pytest.StashKey[Choice]()
_POSTGRES = pytest.StashKey[Choice]()
_SERVERS = pytest.StashKey[SharedServers]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run name its Kafka."""
    parser.addoption(
        "--bootstrap-servers",
        default=os.environ.get(KAFKA_ENVIRONMENT),
        help=f"run the Kafka tests against this cluster (default ${KAFKA_ENVIRONMENT})",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what was collected out of every search for garbage."""
    del session
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Begin once what it needs is prepared, before its timeout runs."""
    wait_prepared(item.nodeid)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, and say why."""
    for mark in item.iter_markers("needs"):
        missing = why_not(mark.args[0])
        if missing is not None:
            pytest.skip(missing)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which servers tests ran against, and why not the ones before."""
    if getattr(config.option, "collectonly", False):
        return
    wait_prepared("")
    kafka = _kafka(config).line("the embedded broker for what it can do, the rest is skipped")
    postgresql = _postgres(config).line("none, tests on it are skipped")
    terminalreporter.write_line(f"kafka: {kafka}")
    terminalreporter.write_line(f"postgresql: {postgresql}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the servers, or wait in a process of several until the others no longer need them."""
    if _SERVERS in session.config.stash:
        session.config.stash[_SERVERS].close()
    if getattr(session.config.option, "numprocesses", None) and why_no_engine() is None:
        # By now all processes have ended: these are of one that was killed.
        remove_containers(f"{OWNER}={os.getpid()}")


def _kafka(config: pytest.Config) -> Choice:
    """Return the choice, made once for the whole run."""
    if _KAFKA not in config.stash:
        config.stash[_KAFKA] = kafka_choice(config.getoption("--bootstrap-servers"))
    return config.stash[_KAFKA]


def _postgres(config: pytest.Config) -> Choice:
    if _POSTGRES not in config.stash:
        config.stash[_POSTGRES] = postgres_choice()
    return config.stash[_POSTGRES]


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
    """A bus on the embedded broker whose publishers are kafka-python's producers."""
    servers = embedded_broker.bootstrap_servers
    return KafkaBus(KafkaSettings(bootstrap_servers=servers, publisher="client"), _EMBEDDED)


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SharedServers:
    """The run's servers; they live until it has no tests left."""
    folder = tmp_path_factory.getbasetemp()
    is_one_of_several = hasattr(request.config, "workerinput")
    request.config.stash[_SERVERS] = SharedServers(folder.parent if is_one_of_several else folder)
    return request.config.stash[_SERVERS]


@pytest.fixture(scope="session")
def real_kafka(request: pytest.FixtureRequest, servers: SharedServers) -> str:
    """
    The bootstrap servers of a real Kafka: the one named, a container, a node from Maven's jars.

    Tests that break or secure brokers start a `KafkaCluster` of their own.
    """
    chosen = _kafka(request.config)
    if chosen.source is None:
        pytest.skip(f"no Kafka: {chosen.line('none')}")
    return servers.give("kafka", chosen.source.start)


@pytest.fixture
def kafka_bus(real_kafka: str) -> KafkaBus:
    """A bus on the real Kafka whose publishers are kafka-python's producers."""
    settings = KafkaSettings(bootstrap_servers=real_kafka, publisher="client")
    # 6 s is the shortest session that Kafka allows by default.
    return KafkaBus(settings, KafkaTuning(session_timeout_s=6.0))


@pytest.fixture
def direct_embedded_bus(embedded_broker: EmbeddedBroker) -> KafkaBus:
    """A bus on the embedded broker whose publishers are direct ones."""
    servers = embedded_broker.bootstrap_servers
    return KafkaBus(KafkaSettings(bootstrap_servers=servers, publisher="direct"), _EMBEDDED)


@pytest.fixture
def direct_kafka_bus(real_kafka: str) -> KafkaBus:
    """A bus on the real Kafka whose publishers are direct ones."""
    settings = KafkaSettings(bootstrap_servers=real_kafka, publisher="direct")
    return KafkaBus(settings, KafkaTuning(session_timeout_s=6.0))


@pytest.fixture
def any_bus(request: pytest.FixtureRequest) -> KafkaBus:
    """A bus on the real Kafka where there is one, else on the embedded broker."""
    has_kafka = _kafka(request.config).source is not None
    bus: KafkaBus = request.getfixturevalue("kafka_bus" if has_kafka else "embedded_bus")
    return bus


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, servers: SharedServers) -> URL:
    """A PostgreSQL server, one for the whole run: named, a container, Debian's."""
    chosen = _postgres(request.config)
    if chosen.source is None:
        pytest.skip(f"no PostgreSQL: {chosen.line('none')}")
    return make_url(servers.give("postgresql", chosen.source.start))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'inferbus.db'}"
        return
    yield request.getfixturevalue("postgres_url")


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """The URL of an empty database on PostgreSQL."""
    with postgres.database(postgres_server) as url:
        yield url
