"""What a batch adds to the counts: pure, before any database is touched."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from consumers.alerting.reading import Observed
from consumers.alerting.rules.base import Group, Rule, group_key
from schemas.event import InferenceEvent, Outcome

# A few ids to start looking at, not a list of all.
SAMPLES_PER_BUCKET = 3


@dataclass(slots=True)
class BucketCount:
    """How many events lie in one bucket, and a few of their ids."""

    count: int = 0
    samples: tuple[str, ...] = ()

    def add(self, other: "BucketCount") -> None:
        """Add another count of the same bucket."""
        self.count += other.count
        self.samples = (self.samples + other.samples)[:SAMPLES_PER_BUCKET]


@dataclass(slots=True)
class Tally:
    """What one batch adds to one group of one rule, by bucket."""

    rule: Rule
    group: Group
    buckets: dict[int, BucketCount] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """The group's identity in the database, and the order in which groups are locked."""
        return self.rule.name, self.rule.hash, group_key(self.group)


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule counts one event, for a group."""

    event_id: str
    rule: Rule
    group: Group
    bucket: int


def hits(observed: Sequence[Observed], rules: Sequence[Rule]) -> list[Hit]:
    """Ask every rule about every event."""
    return [
        Hit(item.id, rule, labels, rule.window.bucket_of(item.at))
        for item in observed
        for rule in rules
        if (labels := rule.observe(item.event)) is not None
    ]


def ids_to_mark(observed: Sequence[Observed], counted: Sequence[Hit]) -> list[str]:
    """
    Return, sorted, the ids to mark as seen.

    A success that no rule counts needs no mark, for a repeat of it would change nothing; most
    records are such, and they cost no write. Sorted, so that two instances never wait for
    each other's rows crosswise.
    """
    hit_ids = {hit.event_id for hit in counted}
    return sorted(item.id for item in observed if item.id in hit_ids or not _is_success(item))


def tallies(counted: Sequence[Hit], new_ids: Collection[str]) -> list[Tally]:
    """Add up the hits of new events, in the order in which groups are locked."""
    by_key: dict[tuple[str, str, str], Tally] = {}
    for hit in counted:
        if hit.event_id in new_ids:
            tally = Tally(hit.rule, hit.group)
            tally = by_key.setdefault(tally.key, tally)
            tally.buckets.setdefault(hit.bucket, BucketCount()).add(BucketCount(1, (hit.event_id,)))
    return [by_key[key] for key in sorted(by_key)]


def _is_success(item: Observed) -> bool:
    return isinstance(item.event, InferenceEvent) and item.event.outcome is Outcome.SUCCEEDED
