"""The comparison itself: claims against books, without any input or output."""

from dataclasses import dataclass
from enum import StrEnum

from bus.records import NextOffsets, Position
from consumers.storage.queries import Known
from inferbus.audit.claims import Claim, Kind
from inferbus.audit.pruned import is_pruned


class Verdict(StrEnum):
    """What the books say of one claim."""

    BALANCED = "balanced"
    DOUBTFUL = "doubtful"
    MISSING = "missing"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the books do not agree; `what` is one of a few fixed words."""

    what: str
    detail: str
    event_id: str | None = None
    position: Position | None = None


def judge(claim: Claim, books: Known) -> Verdict:
    """
    Look one claim up.

    Doubtful: the event is stored with other bytes and no conflict is. That is right only
    where both bodies have equal content. Pruned: retention has removed its row.
    """
    verdict = _judge_stored(claim, books)
    if verdict is not Verdict.BALANCED and is_pruned(claim, books):
        return Verdict.PRUNED
    return verdict


def _judge_stored(claim: Claim, books: Known) -> Verdict:
    if (claim.parked_by, claim.dl_key) in books.parked:
        return Verdict.BALANCED
    if claim.kind is Kind.EVENT:
        return _judge_event(claim, books)
    is_kept = (
        claim.kind is Kind.QUARANTINED
        and books.quarantine.get(claim.event_id or "") == claim.sha256
    )
    return Verdict.BALANCED if is_kept else Verdict.MISSING


def _judge_event(claim: Claim, books: Known) -> Verdict:
    is_conflict = (claim.event_id, claim.sha256) in books.conflicts
    stored = books.events.get(claim.event_id or "")
    if stored is None:
        has_lost_its_event = is_conflict and ("events", claim.event_id) in books.seen
        return Verdict.BALANCED if has_lost_its_event else Verdict.MISSING
    return Verdict.BALANCED if is_conflict or stored == claim.sha256 else Verdict.DOUBTFUL


def entry(claim: Claim, books: Known) -> tuple[str, ...]:
    """Return which entry of the books a balanced claim has led to."""
    if (claim.parked_by, claim.dl_key) in books.parked:
        return ("dead_letters", claim.parked_by, claim.dl_key)
    event_id = claim.event_id or ""
    if claim.kind is Kind.QUARANTINED:
        return ("quarantine", event_id)
    if (event_id, claim.sha256) in books.conflicts:
        return ("conflicts", event_id, claim.sha256)
    return ("events", event_id)


def is_read_by_storage(position: Position, committed: NextOffsets) -> bool:
    """Tell whether storage has settled the record: only then its absence is a loss."""
    return position.offset < committed.get(position.topic_partition, 0)


def lag(begin: NextOffsets, end: NextOffsets, committed: NextOffsets) -> int:
    """Return how many records that Kafka holds storage has not settled yet."""
    behind = 0
    for partition, last in end.items():
        first = max(begin.get(partition, 0), committed.get(partition, 0))
        behind += max(0, last - first)
    return behind


def missing(claim: Claim) -> Difference:
    """Say that a record is in no book."""
    return Difference(
        "missing",
        f"no book has this {claim.kind} with SHA-256 {claim.sha256[:12]}…",
        claim.event_id,
        claim.position,
    )


def differing(claim: Claim, stored_sha256: str) -> Difference:
    """Say that an event is stored with other content, which no conflict tells of."""
    return Difference(
        "differs",
        f"stored with SHA-256 {stored_sha256[:12]}…, on Kafka {claim.sha256[:12]}…,"
        " and no conflict is kept",
        claim.event_id,
        claim.position,
    )


def damaged(claim: Claim) -> Difference:
    """Say that a record's bytes do not have the hash it gives."""
    return Difference(
        "damaged",
        f"the record's bytes do not have its body_sha256 {claim.sha256[:12]}…",
        claim.event_id,
        claim.position,
    )


def lost_blob(where: str, sha256: str, event_id: str | None) -> Difference:
    """Say that a reference leads nowhere."""
    return Difference("blob", f"{where} refers to blob {sha256[:12]}…, which is gone", event_id)
