"""Whether the topics are there, and whether we may do on topics and groups what we must."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kafka.protocol.admin import ACLOperation, DescribeGroupsRequest
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest

from bus.kafka.preflight.opening import Opener
from bus.kafka.preflight.probe import STEP_S, asking
from bus.kafka.preflight.reach import Address
from bus.kafka.preflight.rights import Right
from bus.kafka.preflight.verdicts import Problem, problem
from bus.kafka.preflight.wire import Conversation
from bus.runtime.settings_sections import KafkaSettings

# Kafka's error codes
_UNKNOWN_TOPIC = 3
_COORDINATOR_ON_ITS_WAY = (14, 15, 16)
_TOPIC_DENIED, _GROUP_DENIED = 29, 30
_PAUSE_S = 0.2
_OPERATIONS = {ACLOperation[name].value: name for name in ACLOperation.__members__}


def check_access(
    settings: KafkaSettings, rights: Sequence[Right], timeout_s: float = STEP_S
) -> list[Problem]:
    """
    Return a problem for each topic that is missing and each right that we do not have.

    Nothing is written or created; the right to CREATE is not looked at. Where Kafka cannot be
    reached, its problem is the only one. Where a broker does not tell rights (Kafka before
    2.3), they count as given. Blocking.
    """

    def ask(opener: Opener, conversation: Conversation) -> list[Problem]:
        user = settings.sasl_username
        of_topics = [right for right in rights if right.resource == "topic"]
        missing = [
            *_missing_on_topics(conversation, of_topics),
            *_missing_on_groups(opener, conversation, rights),
        ]
        return [
            found if isinstance(found, Problem) else right_missing(found, user) for found in missing
        ]

    return asking(settings, timeout_s, ask)


def right_missing(right: Right, user: str | None = None) -> Problem:
    """Return the problem of a right that we do not have; `user` None is named by the broker."""
    return problem(
        "right-missing",
        operation=right.operation,
        resource=right.resource,
        name=right.name,
        flag=right.flag,
        user=user or "<our principal>",
    )


def _missing_on_topics(
    conversation: Conversation, rights: Sequence[Right]
) -> Iterator[Right | Problem]:
    names = list(dict.fromkeys(right.name for right in rights))
    described = described_topics(conversation, names)
    for topic in sorted(described, key=lambda topic: names.index(topic.name)):
        # Asking for a mere check of a creation is no way to know this right: there are brokers
        # that create the topic. `inferbus topics create` names it.
        wanted = [r for r in rights if r.name == topic.name and r.operation != "CREATE"]
        if topic.error_code == _UNKNOWN_TOPIC:
            yield problem("topic-missing", topic=topic.name)
        elif topic.error_code == _TOPIC_DENIED:
            # Also the answer for a topic that is not there, so that nobody learns of it.
            yield from wanted
        else:
            yield from _not_held(topic.authorized_operations, wanted)


def described_topics(conversation: Conversation, names: Sequence[str]) -> list[Any]:
    """Return the metadata of topics, with what we may do on each."""
    if not names:
        return []
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in names],
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=True,
    )
    topics: list[Any] = conversation.ask(request).topics
    return topics


def _not_held(held: set[int] | None, wanted: Iterable[Right]) -> list[Right]:
    words = {_OPERATIONS[number] for number in held or () if number in _OPERATIONS}
    if not words:
        # Who may look may at least DESCRIBE: a broker that says "nothing" does not tell rights.
        return []
    return [right for right in wanted if right.operation not in words]


def _missing_on_groups(
    opener: Opener, conversation: Conversation, rights: Sequence[Right]
) -> Iterator[Right | Problem]:
    for right in rights:
        if right.resource == "group":
            coordinator = _coordinator(opener, conversation, right.name)
            if coordinator is not None and coordinator.error_code == _GROUP_DENIED:
                yield right
            elif coordinator is not None and coordinator.error_code == 0:
                yield from _not_held(_held_on_group(opener, coordinator, right.name), [right])


def _held_on_group(opener: Opener, coordinator: Any, group: str) -> set[int] | None:
    there = Opener(
        Address(coordinator.host, coordinator.port), opener.settings, opener.step_s
    ).open()
    with there.conversation as asked:
        request = DescribeGroupsRequest(groups=[group], include_authorized_operations=True)
        (described,) = asked.ask(request, most=5).groups
    held: set[int] | None = described.authorized_operations
    return held


def _coordinator(opener: Opener, conversation: Conversation, group: str) -> Any | None:
    """Ask until the cluster has made up its mind: a first group takes it a moment."""
    ends_at = time.monotonic() + opener.step_s
    while time.monotonic() < ends_at:
        answer = conversation.ask(FindCoordinatorRequest(key=group, key_type=0), most=3)
        if answer.error_code not in _COORDINATOR_ON_ITS_WAY:
            return answer
        time.sleep(_PAUSE_S)
    return None
