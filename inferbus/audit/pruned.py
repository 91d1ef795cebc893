"""Records whose rows retention has removed: nothing is missing there."""

from collections.abc import Iterator

from consumers.storage.queries import Known
from consumers.storage.seen import (
    CONFLICT_BOOK,
    EVENT_BOOK,
    PARKED_BOOK,
    QUARANTINE_BOOK,
    Book,
    conflict_key,
    parked_key,
)
from inferbus.audit.claims import Claim, Kind


def is_pruned(claim: Claim, books: Known) -> bool:
    """Tell whether the row that the record led to is one of those that retention removed."""
    for book, key in _places(claim):
        seen = books.seen.get((book.name, key))
        if seen is not None and book.covers(seen, claim.sha256, claim.at):
            return True
    return False


def seen_keys(claim: Claim) -> Iterator[tuple[str, str]]:
    """Yield (table, key) for each row that retention may have removed of this record."""
    return ((book.name, key) for book, key in _places(claim))


def _places(claim: Claim) -> Iterator[tuple[Book, str]]:
    yield PARKED_BOOK, parked_key(claim.parked_by, claim.dl_key)
    if claim.event_id is None:
        return
    if claim.kind is Kind.EVENT:
        yield EVENT_BOOK, claim.event_id
        yield CONFLICT_BOOK, conflict_key(claim.event_id, claim.sha256)
    elif claim.kind is Kind.QUARANTINED:
        yield QUARANTINE_BOOK, claim.event_id
