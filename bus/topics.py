"""Making the topics of the register, and checking those that are there."""

from bus.errors import BusUnavailableError
from bus.kafka.preflight.verdicts import problem
from bus.limits import MAX_PUBLISH_BYTES
from bus.protocols import Admin, TopicConfig, TopicInfo
from bus.runtime.settings_sections import TopicSettings
from schemas.topics import HOUR_MS, TopicNames

# What Kafka promises with them: an acknowledged record survives the loss of one broker.
_REPLICAS = 3
_IN_SYNC = 2
# Kafka's default for `max.message.bytes`; the register's records are made to fit it.
KAFKA_MAX_MESSAGE_BYTES = 1_048_588


def ensure_topics(admin: Admin, names: TopicNames, settings: TopicSettings) -> list[str]:
    """
    Create what is missing of the register; return the names that were created.

    What is there is left as it is; `check_topics` says where it differs. Raises
    `BusUnavailableError`.
    """
    brokers = admin.brokers()
    replicas = settings.replication_factor or wanted_replicas(brokers)
    if replicas is not None and replicas > brokers:
        raise BusUnavailableError(problem("brokers-few", wanted=replicas, count=brokers).message)
    wanted = [
        TopicConfig(name, settings.partitions, replicas, _topic_settings(settings, replicas))
        for name in names.all
    ]
    return admin.create_topics(wanted)


def check_topics(admin: Admin, names: TopicNames, settings: TopicSettings) -> list[str]:
    """Return what is wrong with the topics, one line each that says what to do."""
    found = admin.describe_topics(names.all)
    replicas = settings.replication_factor or wanted_replicas(admin.brokers())
    problems: list[str] = []
    for name in names.all:
        if name in found:
            problems += _problems(found[name], settings, replicas or 1)
        else:
            problems.append(problem("topic-missing", topic=name).message)
    return problems


def wanted_replicas(brokers: int) -> int | None:
    """Return how many copies to ask for; None leaves a small cluster its own choice."""
    return _REPLICAS if brokers >= _REPLICAS else None


def _topic_settings(settings: TopicSettings, replicas: int | None) -> dict[str, str]:
    told = {
        "retention.ms": str(settings.retention_hours * HOUR_MS),
        "max.message.bytes": str(MAX_PUBLISH_BYTES),
        # By the broker's clock: of a publisher whose own runs ahead Kafka would refuse every
        # record, and of one that runs behind it would remove them before their time.
        "message.timestamp.type": "LogAppendTime",
    }
    if replicas is not None and replicas >= _REPLICAS:
        told["min.insync.replicas"] = str(_IN_SYNC)
        # A replica that lags behind and then leads would drop acknowledged records.
        told["unclean.leader.election.enable"] = "false"
    return told


def _problems(topic: TopicInfo, settings: TopicSettings, replicas: int) -> list[str]:
    problems = []
    if topic.partitions < settings.partitions:
        problems.append(
            f"{topic.name}: has {topic.partitions} partitions, {settings.partitions} are set; "
            "add partitions while no delivery is under way, or lower the setting"
        )
    if topic.replication_factor < replicas:
        count = topic.replication_factor
        found = problem("replicas-few", topic=topic.name, count=count, wanted=replicas)
        problems.append(found.message)
    return problems + _setting_problems(topic, settings)


def _setting_problems(topic: TopicInfo, settings: TopicSettings) -> list[str]:
    # A setting that the broker does not tell (the embedded one tells few) is no problem.
    problems = []
    retention_ms = topic.settings.get("retention.ms")
    wanted_ms = settings.retention_hours * HOUR_MS
    if retention_ms is not None and 0 <= int(retention_ms) < wanted_ms:
        problems.append(
            f"{topic.name}: retention.ms is {retention_ms}; set it to {wanted_ms} or more"
        )
    largest = topic.settings.get("max.message.bytes")
    if largest is not None and int(largest) < KAFKA_MAX_MESSAGE_BYTES:
        needed = KAFKA_MAX_MESSAGE_BYTES
        found = problem("limit-small", topic=topic.name, limit=largest, needed=needed)
        problems.append(found.message)
    in_sync = topic.settings.get("min.insync.replicas")
    if in_sync is not None and topic.replication_factor >= _REPLICAS and int(in_sync) < _IN_SYNC:
        problems.append(f"{topic.name}: min.insync.replicas is {in_sync}; set it to {_IN_SYNC}")
    return problems
