"""Kafka and PostgreSQL by testcontainers, wherever an engine answers."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import docker
import pytest
from sqlalchemy import URL

from bus.kafka import KafkaBus
from bus.protocols import TopicConfig
from bus.records import Record
from bus.runtime.settings_sections import KafkaSettings
from consumers.database import check, open_engine, upgrade
from consumers.storage.queries import totals
from consumers.storage.sinks.sql import SqlSink
from tests.support import postgres
from tests.support.containers import (
    OURS,
    ApacheKafkaContainer,
    configure,
    kafka_container,
    postgres_container,
)
from tests.support.engine import KAFKA, OWNER
from tests.support.storage import an_event, batch_of

pytestmark = [
    pytest.mark.stack,
    pytest.mark.needs("containers"),
]
RECORDS = 100


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A Kafka in a container of this module's own, whatever the others take."""
    with kafka_container() as servers:
        yield servers


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    """A PostgreSQL in a container of this module's own."""
    with postgres_container() as url:
        yield url


@pytest.mark.kafka
async def test_every_record_comes_back_through_the_mapped_port(
    kafka: str, topic_prefix: str
) -> None:
    """The broker names an address that a client on this machine reaches."""
    bus, topic = KafkaBus(KafkaSettings(bootstrap_servers=kafka)), f"{topic_prefix}.a"
    await asyncio.to_thread(_create, bus, topic)
    publisher = bus.publisher("test")
    records = [Record(topic, f"k{n}".encode(), f"{n}".encode()) for n in range(RECORDS)]

    await asyncio.gather(*(publisher.publish(record) for record in records))
    await asyncio.to_thread(publisher.close)

    read = await asyncio.to_thread(_read, bus, topic)
    assert sorted(read) == sorted(f"{n}".encode() for n in range(RECORDS))


def _create(bus: KafkaBus, topic: str) -> None:
    admin = bus.admin()
    admin.create_topics([TopicConfig(topic, partitions=3, replication_factor=1)])
    admin.close()


def _read(bus: KafkaBus, topic: str) -> list[bytes]:
    reader, found = bus.read([topic]), list[bytes]()
    try:
        while len(found) < RECORDS:
            found += [record.value or b"" for record in reader.poll(1.0)]
    finally:
        reader.close()
    return found


def test_a_container_listens_on_loopback_only(kafka: str, server: URL) -> None:
    """Nobody else on the network reaches the tests' servers."""
    published = [
        binding["HostIp"]
        for container in _containers(label=f"{OWNER}={OURS[OWNER]}")
        for bindings in container.ports.values()
        for binding in bindings or ()
    ]

    assert len(published) >= 2
    assert set(published) == {"127.0.0.1"}


def test_a_server_in_a_container_serves_storage(server: URL) -> None:
    """Tables, a batch, and the count of it."""
    with postgres.database(server) as url:
        upgrade(url)
        engine = open_engine(url)
        SqlSink(engine).write(batch_of([an_event("R1"), an_event("R1"), an_event("R2")]))
        stored = totals(engine)
        engine.dispose()

        assert check(url) == []
    assert stored["events"] == 2


def test_a_container_that_does_not_start_is_removed() -> None:
    """The error quotes its last words, and nothing stays."""
    name = f"inferbus-tests-{uuid4().hex}"
    wrong = ApacheKafkaContainer(configure(KAFKA)).with_name(name)
    wrong.with_env("KAFKA_PROCESS_ROLES", "nobody")

    with pytest.raises(RuntimeError, match=r"did not start.*nobody"), wrong:
        pass

    assert _containers(name=name) == []


def _containers(**like: str) -> list["docker.models.containers.Container"]:
    engine = docker.from_env()
    try:
        return list(engine.containers.list(all=True, filters=like))
    finally:
        engine.close()
