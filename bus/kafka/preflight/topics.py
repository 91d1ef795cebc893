"""All that can be wrong between us, the cluster and its topics, at once."""

from bus.kafka.preflight.access import check_access
from bus.kafka.preflight.obstacle import is_usable
from bus.kafka.preflight.probe import check_connection
from bus.kafka.preflight.rights import rights_of
from bus.kafka.preflight.shape import Wanted, check_shape
from bus.kafka.preflight.verdicts import Problem
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import KAFKA_MAX_MESSAGE_BYTES
from schemas.topics import TopicNames


def check_cluster(kafka: KafkaSettings, topics: TopicSettings) -> tuple[list[Problem], bool]:
    """
    Return what is wrong for whoever makes and checks topics, and whether to look further.

    There is no use in describing topics where no server lets us in or a right is missing:
    Kafka hides what may not be seen. Blocking.
    """
    found = check_connection(kafka)
    if not is_usable(kafka, found):
        return found, False
    names = TopicNames(topics.prefix)
    denied = check_access(kafka, rights_of("admin", names, kafka.group_prefix))
    wanted = [
        Wanted(name, KAFKA_MAX_MESSAGE_BYTES, topics.replication_factor) for name in names.all
    ]
    found += [*denied, *check_shape(kafka, wanted)]
    return found, all(problem.code != "right-missing" for problem in denied)
