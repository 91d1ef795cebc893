"""The register of topics: every name, what it carries and how it is made."""

from dataclasses import dataclass

from schemas.event import Outcome

# Kafka's default is 1 MiB; the record's head, headers and batch frame need room beside a value.
MAX_RECORD_BYTES = 1_048_576
# The longest error message, labels and request id there may be, escaped, with the headers.
HEAD_ROOM_BYTES = 48_576
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Topic:
    """
    One topic: its suffix under the prefix, its key and its schema in `schemas/v1/`.

    The schema is of the values; on quarantine and deadletter, whose values are kept as they
    came, it is of the headers.
    """

    suffix: str
    carries: str
    key: str
    schema: str


TOPICS: tuple[Topic, ...] = (
    Topic("succeeded", "jobs that ended well", "request id", "event.schema.json"),
    Topic(
        "failed", "jobs that failed, were canceled or expired", "request id", "event.schema.json"
    ),
    Topic("progress", "jobs still under way", "request id", "event.schema.json"),
    Topic(
        "quarantine",
        "authentic bodies that could not be understood",
        "content id",
        "quarantine.schema.json",
    ),
    Topic(
        "deadletter",
        "records a consumer could not handle",
        "the parked record's own",
        "deadletter.schema.json",
    ),
    Topic("alerts", "alerts as they were raised", "dedup key", "alert.schema.json"),
)

_SUFFIX_OF = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.PROGRESS: "progress",
    Outcome.QUARANTINED: "quarantine",
}


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The full names under one prefix."""

    prefix: str = "inference"

    def of(self, suffix: str) -> str:
        """Return the full name of the topic with this suffix."""
        return f"{self.prefix}.{suffix}"

    def for_outcome(self, outcome: Outcome) -> str:
        """Return the topic on which an event of this outcome is published."""
        return self.of(_SUFFIX_OF[outcome])

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic of the register."""
        return tuple(self.of(topic.suffix) for topic in TOPICS)

    @property
    def stored(self) -> tuple[str, ...]:
        """What storage reads: all but alerts."""
        return tuple(self.of(topic.suffix) for topic in TOPICS if topic.suffix != "alerts")

    @property
    def alerted(self) -> tuple[str, ...]:
        """What alerting reads."""
        return tuple(self.of(s) for s in ("succeeded", "failed", "quarantine", "deadletter"))
