"""
Kafka and PostgreSQL in containers, by testcontainers; gone after the with block.

    with kafka_container() as servers: ...
    with postgres_container() as url: ...

`tests.support.engine.why_no_image` says whether they can be had.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import docker
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy import URL, make_url
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.support.engine import KAFKA, OWNER, POSTGRES, image, is_here

_LOOPBACK = "127.0.0.1"
# Of a run in several processes it is the one that started them, for they share containers.
OURS = {OWNER: str(os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid())}
_START_TIMEOUT_S = 90.0
_SCRIPT = "/tmp/start.sh"  # noqa: S108 - inside the container
# The mapped port is known only once the container runs, so its first act is to wait for us.
_WAIT_FOR_SCRIPT = f"until [ -s {_SCRIPT} ]; do sleep 0.1; done; exec bash {_SCRIPT}"
_KAFKA_SETTINGS = {
    "KAFKA_HEAP_OPTS": "-Xms64m -Xmx512m",
    "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "HOST://:9092,INSIDE://localhost:19092,CONTROLLER://localhost:29093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": (
        "HOST:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
    ),
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INSIDE",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    # An idle broker takes half as much: no records that say nothing, few threads that look for
    # work three times a second.
    "KAFKA_METADATA_MAX_IDLE_INTERVAL_MS": "0",
    "KAFKA_NUM_NETWORK_THREADS": "1",
    "KAFKA_NUM_IO_THREADS": "4",
}

# It is thrown away, some 200 databases are made in it, and several processes use it.
_NO_SYNC = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300")


class ApacheKafkaContainer(DockerContainer):
    """
    One KRaft node of the official `apache/kafka` image, or of one that keeps its contract.

    The contract: settings by environment (`KAFKA_A_B` is `a.b`), `/etc/kafka/docker/run` starts
    the broker, and there is a bash. The stock `KafkaContainer` takes Confluent's image only.
    """

    def __init__(self, image: str) -> None:
        super().__init__(image, env=dict(_KAFKA_SETTINGS), labels=OURS)
        self.ports: dict[Any, Any] = {9092: (_LOOPBACK, None)}
        self.with_command(["bash", "-c", _WAIT_FOR_SCRIPT])

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients on this machine."""
        return f"{_host(self)}:{self.get_exposed_port(9092)}"

    def start(self) -> Self:
        """Return once the broker answers; raises with its last words where it does not."""
        super().start()
        advertised = f"HOST://{self.bootstrap_servers},INSIDE://localhost:19092"
        script = (
            f"export KAFKA_ADVERTISED_LISTENERS={advertised}\nexec bash /etc/kafka/docker/run\n"
        )
        self.copy_into_container(script.encode(), _SCRIPT)
        self._wait_for_broker()
        return self

    def _wait_for_broker(self) -> None:
        # A listening port says nothing: the engine's proxy takes connections before Kafka does.
        servers, ends_at = self.bootstrap_servers, time.monotonic() + _START_TIMEOUT_S
        while not _has_broker(servers):
            self.reload()
            if self.status != "running" or time.monotonic() > ends_at:
                said = b" ".join(self.get_logs()).decode(errors="replace")
                raise RuntimeError(f"Kafka did not start in {self.image}: {said[-2000:]}")
            time.sleep(0.2)


def _has_broker(servers: str) -> bool:
    try:
        admin = KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=1000)
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


@contextmanager
def kafka_container() -> Iterator[str]:
    """Give the bootstrap servers of a Kafka in a container."""
    with ApacheKafkaContainer(configure(KAFKA)) as kafka:
        yield kafka.bootstrap_servers


@contextmanager
def postgres_container() -> Iterator[URL]:
    """Give the URL of a PostgreSQL in a container; its user may do everything."""
    container = PostgresContainer(configure(POSTGRES), driver=None, labels=OURS)
    container.ports = {5432: (_LOOPBACK, None)}
    container.with_command(["postgres", *_NO_SYNC])
    with container as postgres:
        url = make_url(postgres.get_connection_url(host=_host(postgres)))
        yield url.set(drivername="postgresql+psycopg")


def _host(container: DockerContainer) -> str:
    host = container.get_container_host_ip()
    # The name may mean ::1 first, where nothing is published.
    return _LOOPBACK if host == "localhost" else host


def configure(variable: str) -> str:
    """Tell testcontainers what it cannot know; return the name of the image."""
    if not testcontainers_config.connection_mode_override:
        # Where /.dockerenv exists it would take the bridge's gateway, and we publish on loopback.
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        # The image of its reaper, which ends what a killed run leaves, may not be had.
        testcontainers_config.ryuk_disabled = not is_here(testcontainers_config.ryuk_image)
    _remove_left_behind()
    name = image(variable)
    if name is None:
        raise RuntimeError(f"no image for {variable}")
    return name


def _remove_left_behind() -> None:
    """Remove the containers of test runs on this machine that were killed."""
    engine = docker.from_env()
    try:
        for container in engine.containers.list(filters={"label": OWNER}):
            if not Path(f"/proc/{container.labels[OWNER]}").exists():
                container.remove(force=True, v=True)
    finally:
        engine.close()
