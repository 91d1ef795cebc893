"""Whether topics can take what we publish: replicas, those in sync, room for a record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka.protocol.admin import DescribeConfigsRequest
from kafka.protocol.metadata import MetadataRequest

from bus.kafka.preflight.access import described_topics
from bus.kafka.preflight.opening import Opener
from bus.kafka.preflight.probe import STEP_S, asking
from bus.kafka.preflight.verdicts import Problem, problem
from bus.kafka.preflight.wire import Conversation, HungUpError
from bus.runtime.settings_sections import KafkaSettings

_TOPIC = 2  # Kafka's number of the resource type


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic must be; `replicas` None takes whatever it has."""

    name: str
    record_bytes: int
    replicas: int | None = None


def check_shape(
    settings: KafkaSettings, wanted: Sequence[Wanted], timeout_s: float = STEP_S
) -> list[Problem]:
    """
    Return what keeps the topics that exist from taking our records safely. Blocking.

    Settings that we may not read (DESCRIBE_CONFIGS) are not judged.
    """

    def ask(_: Opener, conversation: Conversation) -> list[Problem]:
        by_name = {topic.name: topic for topic in wanted}
        found = described_topics(conversation, list(by_name))
        there = [topic for topic in found if topic.error_code == 0]
        problems = list(_cluster_problems(conversation, wanted))
        configs = _configs(conversation, [topic.name for topic in there])
        order = list(by_name)
        for topic in sorted(there, key=lambda topic: order.index(topic.name)):
            settings_of = configs.get(topic.name, {})
            problems += _topic_problems(topic, by_name[topic.name], settings_of)
        return problems

    return asking(settings, timeout_s, ask)


def _cluster_problems(conversation: Conversation, wanted: Sequence[Wanted]) -> Iterator[Problem]:
    most = max((topic.replicas or 0 for topic in wanted), default=0)
    request = MetadataRequest(topics=[], allow_auto_topic_creation=False)
    count = len(conversation.ask(request).brokers)
    if most > count:
        yield problem("brokers-few", wanted=most, count=count)


def _topic_problems(topic: Any, wanted: Wanted, settings: dict[str, str]) -> Iterator[Problem]:
    replicas = min(len(partition.replica_nodes) for partition in topic.partitions)
    in_sync = min(len(partition.isr_nodes) for partition in topic.partitions)
    name = topic.name
    if wanted.replicas is not None and replicas < wanted.replicas:
        yield problem("replicas-few", topic=name, count=replicas, wanted=wanted.replicas)
    least = int(settings.get("min.insync.replicas", 0))
    if in_sync < least:
        yield problem("insync-few", topic=name, count=in_sync, wanted=least)
    limit = int(settings.get("max.message.bytes", wanted.record_bytes))
    if limit < wanted.record_bytes:
        yield problem("limit-small", topic=name, limit=limit, needed=wanted.record_bytes)


def _configs(conversation: Conversation, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    keys = ["min.insync.replicas", "max.message.bytes"]
    resource = DescribeConfigsRequest.DescribeConfigsResource
    asked = [
        resource(resource_type=_TOPIC, resource_name=name, configuration_keys=keys)
        for name in topics
    ]
    try:
        results = conversation.ask(DescribeConfigsRequest(resources=asked)).results
    except HungUpError:  # how the embedded broker answers what it does not know
        return {}
    return {
        result.resource_name: {config.name: config.value for config in result.configs}
        for result in results
        if result.error_code == 0
    }
