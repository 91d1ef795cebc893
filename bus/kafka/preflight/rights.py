"""
The register of rights: what each service must be allowed to do on Kafka, and nothing beyond.

`docs/kafka.md` shows this register; the integration tests run each service on exactly these.
READ and WRITE imply DESCRIBE in Kafka's own authorizer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.topics import TopicNames

Service = Literal["ingest", "storage", "alerting", "admin"]
Operation = Literal["READ", "WRITE", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS"]
Resource = Literal["topic", "group"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation on one topic or group, as an ACL allows it."""

    resource: Resource
    name: str
    operation: Operation

    @property
    def flag(self) -> str:
        """How `kafka-acls.sh` names the resource."""
        return f"--{self.resource} {self.name}"


def rights_of(service: Service, names: TopicNames, group_prefix: str) -> tuple[Right, ...]:
    """Return the rights a service needs; `admin` is `inferbus topics create` and `check`."""
    topics = _TOPIC_RIGHTS[service]
    rights = [
        Right("topic", names.of(suffix), operation)
        for operation, suffixes in topics.items()
        for suffix in suffixes
    ]
    if service in ("storage", "alerting"):
        rights.append(Right("group", f"{group_prefix}-{service}", "READ"))
    return tuple(rights)


_ALL = tuple(TopicNames("").all)
_SUFFIXES = tuple(name.removeprefix(".") for name in _ALL)

_TOPIC_RIGHTS: Mapping[Service, Mapping[Operation, tuple[str, ...]]] = {
    "ingest": {"WRITE": ("succeeded", "failed", "progress", "quarantine")},
    "storage": {
        "READ": ("succeeded", "failed", "progress", "quarantine", "deadletter"),
        "WRITE": ("deadletter",),
    },
    "alerting": {
        "READ": ("succeeded", "failed", "quarantine", "deadletter"),
        "WRITE": ("deadletter", "alerts"),
    },
    "admin": {
        "CREATE": _SUFFIXES,
        "DESCRIBE": _SUFFIXES,
        "DESCRIBE_CONFIGS": _SUFFIXES,
    },
}
