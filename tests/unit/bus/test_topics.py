"""Topics are made as the register and the settings say, and faults in them are told."""

from collections.abc import Sequence

import pytest

from bus.errors import BusUnavailableError
from bus.memory import MemoryBus
from bus.protocols import TopicConfig, TopicInfo
from bus.records import TopicPartition
from bus.runtime.settings_sections import TopicSettings
from bus.topics import check_topics, ensure_topics
from schemas.topics import TopicNames

NAMES = TopicNames("inference")
TWO_WEEKS_MS = "1209600000"


class Cluster:
    """An admin client of a cluster of so many brokers that remembers what it was asked."""

    def __init__(self, brokers: int, topics: dict[str, TopicInfo] | None = None) -> None:
        self.created: list[TopicConfig] = []
        self._brokers = brokers
        self._topics = topics or {}

    def create_topics(self, topics: Sequence[TopicConfig]) -> list[str]:
        self.created += topics
        return [topic.name for topic in topics]

    def describe_topics(self, names: Sequence[str]) -> dict[str, TopicInfo]:
        return {name: self._topics[name] for name in names if name in self._topics}

    def brokers(self) -> int:
        return self._brokers

    def begin_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        raise AssertionError(topics)

    end_offsets = begin_offsets

    def committed(self, group: str) -> dict[TopicPartition, int]:
        raise AssertionError(group)

    def close(self) -> None:
        """Nothing to close."""


def topics_with(replication: int = 3, partitions: int = 12, **settings: str) -> Cluster:
    told = {name.replace("_", "."): value for name, value in settings.items()}
    infos = {n: TopicInfo(n, partitions, replication, told) for n in NAMES.all}
    return Cluster(3, infos)


def test_three_brokers_get_three_replicas_and_two_in_sync() -> None:
    """An acknowledged record then survives the loss of one broker."""
    cluster = Cluster(brokers=5)

    assert ensure_topics(cluster, NAMES, TopicSettings()) == list(NAMES.all)

    for topic in cluster.created:
        assert (topic.partitions, topic.replication_factor) == (12, 3)
        settings = dict(topic.settings or {})
        assert settings["min.insync.replicas"] == "2"
        assert settings["unclean.leader.election.enable"] == "false"
        assert settings["retention.ms"] == TWO_WEEKS_MS
        assert int(settings["max.message.bytes"]) >= 1_048_588
        assert settings["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("brokers", [1, 2])
def test_a_small_cluster_chooses_itself(brokers: int) -> None:
    """Two in-sync replicas could not be had, and writes would stop."""
    cluster = Cluster(brokers)

    ensure_topics(cluster, NAMES, TopicSettings())

    assert {topic.replication_factor for topic in cluster.created} == {None}
    assert all("min.insync.replicas" not in (topic.settings or {}) for topic in cluster.created)


def test_the_setting_beats_the_cluster() -> None:
    """One replica on a large cluster, if it is asked for."""
    cluster = Cluster(3)

    ensure_topics(cluster, NAMES, TopicSettings(replication_factor=1))

    assert {topic.replication_factor for topic in cluster.created} == {1}


def test_more_replicas_than_brokers_are_refused_before_anything_is_made() -> None:
    """Kafka would refuse each topic in words of its own."""
    cluster = Cluster(2)

    with pytest.raises(BusUnavailableError, match="3"):
        ensure_topics(cluster, NAMES, TopicSettings(replication_factor=3))

    assert cluster.created == []


def test_made_topics_pass_the_check() -> None:
    """A second `ensure` makes nothing."""
    admin = MemoryBus().admin()
    settings = TopicSettings(partitions=2)

    assert ensure_topics(admin, NAMES, settings) == list(NAMES.all)
    assert ensure_topics(admin, NAMES, settings) == []
    assert check_topics(admin, NAMES, settings) == []


def test_missing_topics_are_told_with_the_remedy() -> None:
    """One line each."""
    problems = check_topics(MemoryBus().admin(), NAMES, TopicSettings())

    assert len(problems) == len(NAMES.all)
    for name, line in zip(NAMES.all, problems, strict=True):
        assert name in line
        assert "inferbus topics create" in line


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        (topics_with(partitions=3), "3 partitions"),
        (topics_with(replication=1), "replica"),
        (topics_with(retention_ms="3600000"), "retention.ms"),
        (topics_with(max_message_bytes="1000"), "max.message.bytes"),
        (topics_with(min_insync_replicas="1"), "min.insync.replicas"),
    ],
    ids=["partitions", "replicas", "retention", "record size", "in sync"],
)
def test_what_differs_is_told(cluster: Cluster, problem: str) -> None:
    """For each topic, in one line that names it."""
    problems = check_topics(cluster, NAMES, TopicSettings())

    assert len(problems) == len(NAMES.all)
    for name, line in zip(NAMES.all, problems, strict=True):
        assert name in line
        assert problem in line


@pytest.mark.parametrize(
    "cluster",
    [
        topics_with(),
        topics_with(retention_ms="-1"),
        topics_with(partitions=24, max_message_bytes="10000000", min_insync_replicas="2"),
    ],
    ids=["settings untold", "kept for ever", "more than asked"],
)
def test_what_is_no_worse_is_no_problem(cluster: Cluster) -> None:
    """A broker that tells no settings (the embedded one) is not at fault for it."""
    assert check_topics(cluster, NAMES, TopicSettings()) == []
