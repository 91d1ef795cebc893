"""Administration of a Kafka cluster."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka import TopicPartition as ClientPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError

from bus.errors import BusUnavailableError
from bus.kafka.errors import unavailable
from bus.kafka.opening import open_client
from bus.kafka.preflight.access import right_missing
from bus.kafka.preflight.rights import Right
from bus.kafka.settling import Settling
from bus.protocols import TopicConfig, TopicInfo
from bus.records import TopicPartition

# ListOffsets' words for the first offset and the one after the last.
_EARLIEST, _LATEST = -2, -1
_NO_ERROR = 0

_Answer = TypeVar("_Answer")


class KafkaAdmin:
    """
    A connected admin client. Every method raises `BusUnavailableError`.

    What a cluster answers while its controller or a coordinator is being chosen is waited out.
    """

    def __init__(self, options: dict[str, Any], settling: Settling | None = None) -> None:
        self._client = open_client(KafkaAdminClient, options)
        self._settling = settling or Settling()

    def create_topics(self, topics: Sequence[TopicConfig]) -> list[str]:
        """Create the missing ones and wait until they have leaders; return their names."""
        known = self.describe_topics([topic.name for topic in topics])
        missing = [topic for topic in topics if topic.name not in known]
        return [topic.name for topic in missing if self._create(topic)]

    def describe_topics(self, names: Sequence[str]) -> dict[str, TopicInfo]:
        """Return those that exist."""
        found = self._existing(names)
        settings = self._settings(list(found))
        return {
            name: TopicInfo(
                name,
                len(topic["partitions"]),
                len(topic["partitions"][0]["replica_nodes"]) if topic["partitions"] else 0,
                settings.get(name, {}),
            )
            for name, topic in found.items()
        }

    def brokers(self) -> int:
        """Return how many brokers the cluster has."""
        described = self._asked("describing the cluster", self._client.describe_cluster)
        return len(described["brokers"])

    def begin_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the first offset each partition of the existing topics still holds."""
        return self._offsets(topics, _EARLIEST)

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the offset the next record of each partition will get."""
        return self._offsets(topics, _LATEST)

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the group's committed next offsets; none where there is no such group."""
        answer = self._asked("reading offsets", lambda: self._client.list_group_offsets(group))
        return {
            TopicPartition(at.topic, at.partition): kept.offset
            for at, kept in answer.get(group, {}).items()
            if kept.offset >= 0
        }

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _create(self, topic: TopicConfig) -> bool:
        wanted = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication_factor or -1,
                "configs": dict(topic.settings or {}),
            }
        }
        try:
            self._settling.ask(lambda: self._client.create_topics(wanted, wait_for_metadata=True))
        except TopicAlreadyExistsError:  # somebody was quicker
            return False
        except AuthorizationError as error:
            denied = right_missing(Right("topic", topic.name, "CREATE"))
            raise BusUnavailableError(denied.message) from error
        except KafkaError as error:
            raise unavailable(error, f"creating topic {topic.name}") from error
        return True

    def _existing(self, names: Sequence[str]) -> dict[str, Any]:
        if not names:
            return {}
        described = self._asked(
            "describing topics", lambda: self._client.describe_topics(list(names))
        )
        return {topic["name"]: topic for topic in described if topic["error_code"] == _NO_ERROR}

    def _settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return each topic's settings; empty where the broker does not tell them."""
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answer = self._asked(
            "reading topic settings",
            lambda: self._client.describe_configs(resources, config_filter="all"),
        )
        return {
            name: {key: told["value"] for key, told in settings.items()}
            for name, settings in answer.get("topic", {}).items()
        }

    def _offsets(self, topics: Sequence[str], which: int) -> dict[TopicPartition, int]:
        wanted = {
            ClientPartition(name, partition["partition_index"]): which
            for name, topic in self._existing(topics).items()
            for partition in topic["partitions"]
        }
        if not wanted:
            return {}
        answer = self._asked("reading offsets", lambda: self._client.list_partition_offsets(wanted))
        return {TopicPartition(at.topic, at.partition): it.offset for at, it in answer.items()}

    def _asked(self, doing: str, call: Callable[[], _Answer]) -> _Answer:
        try:
            return self._settling.ask(call)
        except (KafkaError, OSError) as error:
            raise unavailable(error, doing) from error
