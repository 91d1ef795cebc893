"""Produce requests out of batches, and what their responses say of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kafka.protocol.producer import ProduceRequest

from bus.kafka.direct.lane import Batch

# Record format v2 begins with version 3; from 10 on a response names new leaders, which we
# ask for ourselves, and 13 names topics by ids.
_MIN_VERSION, _MAX_VERSION = 3, 9
_ALL_IN_SYNC = -1

_Topic = ProduceRequest.TopicProduceData
_Partition = _Topic.PartitionProduceData


@dataclass(frozen=True, slots=True)
class Said:
    """What a broker said of one batch: error code (0 is success), first offset, its words."""

    code: int
    base_offset: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one request: what was said of each of its batches, or why nothing was."""

    node: int
    said: dict[tuple[str, int], Said] | None
    reason: str = ""


def produce_request(batches: Iterable[Batch], timeout_ms: int) -> Any:
    """Return the request; the broker answers once all in-sync replicas have every batch."""
    topics: dict[str, list[Any]] = {}
    for batch in batches:
        at = batch.lane.at
        topics.setdefault(at.topic, []).append(_Partition(index=at.partition, records=batch.data))
    return ProduceRequest(
        transactional_id=None,
        acks=_ALL_IN_SYNC,
        timeout_ms=timeout_ms,
        topic_data=[_Topic(name=name, partition_data=data) for name, data in topics.items()],
        min_version=_MIN_VERSION,
        max_version=_MAX_VERSION,
    )


def answer_of(node: int, response: Any) -> Answer:
    """Return what a response says, by topic and partition."""
    said = {
        (topic.name, each.index): Said(each.error_code, each.base_offset, each.error_message)
        for topic in response.responses
        for each in topic.partition_responses
    }
    return Answer(node, said)
