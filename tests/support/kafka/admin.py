"""Topics and their leaders, by way of a cluster's PLAINTEXT listener."""

import itertools
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from .errors import KafkaFixtureError
from .waiting import wait_until

_CALL_TIMEOUT_S = 5.0
_QUICK_CALL_TIMEOUT_S = 1.0
_CHANGE_TIMEOUT_S = 15.0


class Administration(ABC):
    """Verbs on topics. Each returns when its effect can be seen."""

    _topic_numbers = itertools.count(1)

    @abstractmethod
    def admin_servers(self) -> list[str]:
        """Return the addresses of the nodes that can answer."""

    @contextmanager
    def admin(self, *, timeout_s: float = _CALL_TIMEOUT_S) -> Iterator[Any]:
        """Open a kafka-python admin client that may do everything."""
        from kafka import KafkaAdminClient
        from kafka.net import KafkaNetClient

        servers = self.admin_servers()
        if not servers:
            raise KafkaFixtureError("no node is up to answer")
        timeout_ms = int(timeout_s * 1000)
        client = KafkaAdminClient(
            bootstrap_servers=servers,
            bootstrap_timeout_ms=int(_CALL_TIMEOUT_S * 1000),
            request_timeout_ms=timeout_ms,
            reconnect_backoff_max_ms=500,
            # It asks any broker it knows. One that is frozen takes the connection and
            # says nothing, and the 10 s kafka-python then waits are no admin setting.
            kafka_client=partial(KafkaNetClient, socket_connection_setup_timeout_ms=timeout_ms),
        )
        try:
            yield client
        finally:
            client.close()

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create a topic with a leader for each partition; as many replicas as nodes, up to 3."""
        spec = {
            "num_partitions": partitions,
            "replication_factor": replication_factor,
            "configs": dict(config or {}),
        }
        with self.admin() as admin:
            admin.create_topics({name: spec}, wait_for_metadata=True)

    def fresh_topic(
        self,
        partitions: int = 1,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic nobody has used and return its name."""
        name = f"test-{next(self._topic_numbers)}-{uuid.uuid4().hex[:8]}"
        self.create_topic(name, partitions, replication_factor, config)
        return name

    def delete_topic(self, name: str) -> None:
        """Delete a topic; raises kafka-python's error when it does not exist."""
        with self.admin() as admin:
            admin.delete_topics([name])
            gone = lambda: name not in admin.list_topics()  # noqa: E731
            wait_until(gone, f"topic {name} to go", timeout_s=_CHANGE_TIMEOUT_S)

    def leader_of(self, topic: str, partition: int = 0) -> int | None:
        """Return the id of the node leading a partition, None while there is none."""
        return self._leader_of(topic, partition, _CALL_TIMEOUT_S)

    def _leader_of(self, topic: str, partition: int, timeout_s: float) -> int | None:
        with self.admin(timeout_s=timeout_s) as admin:
            (described,) = admin.describe_topics([topic])
        leaders = {p["partition_index"]: p["leader_id"] for p in described["partitions"]}
        # A broker may not know the topic yet; -1 is a partition that lost its leader.
        leader: int = leaders.get(partition, -1)
        return leader if leader >= 0 else None

    def wait_for_leader(
        self,
        topic: str,
        partition: int = 0,
        *,
        other_than: int | None = None,
        timeout_s: float = 30,
    ) -> int:
        """Return the leader of a partition once it has one, and not `other_than`."""
        from kafka.errors import KafkaError

        def new_leader() -> int:
            try:
                leader = self._leader_of(topic, partition, _QUICK_CALL_TIMEOUT_S) or 0
            except KafkaError:  # the client chose to ask the node just lost
                return 0
            return 0 if leader == other_than else leader

        return wait_until(new_leader, f"a leader of {topic}-{partition}", timeout_s=timeout_s)
