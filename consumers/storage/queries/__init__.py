"""Questions to storage. Each opens a connection of its own and blocks while it asks."""

from consumers.storage.queries.books import (
    Known,
    Reference,
    every_dead_letter,
    known,
    references,
    totals,
)
from consumers.storage.queries.events import by_id, by_outcome, current, events
from consumers.storage.queries.held import (
    dead_letter,
    dead_letters,
    mark_replayed,
    quarantined,
    quarantined_one,
)
from consumers.storage.queries.statistics import StatsRow, require_group, stats
from consumers.storage.rows import (
    BodyNotLoadedError,
    StoredDeadLetter,
    StoredEvent,
    StoredQuarantine,
)

__all__ = [
    "BodyNotLoadedError",
    "Known",
    "Reference",
    "StatsRow",
    "StoredDeadLetter",
    "StoredEvent",
    "StoredQuarantine",
    "by_id",
    "by_outcome",
    "current",
    "dead_letter",
    "dead_letters",
    "events",
    "every_dead_letter",
    "known",
    "mark_replayed",
    "quarantined",
    "quarantined_one",
    "references",
    "require_group",
    "stats",
    "totals",
]
