"""
The judge: what was promised against what is there, as sets.

I1 no loss: every acknowledged delivery is in storage.
I2 exactly once: one row per event id; its bytes are those that were sent; nothing is invented.
I3 told: the sender of every delivery that is not in storage was never told that it is.
I4 final: each request's current row follows from its events by the published rule alone.
I5 alerts: every failed event was told, under exactly one dedup key.
I6 liveness: it goes on after the fault, in time; see `tests.faults.draining`.
I7 secrets: none is in logs, records or tables.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.ledger import Book, Identity, Verdict
from tests.faults.stored import EventRow, Key, Stored, Told

_RANK = {"succeeded": 2, "failed": 1, "progress": 0}
_SHOWN = 5


@dataclass(slots=True)
class Judgement:
    """What is wrong, by invariant, in words; and what was counted."""

    findings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, float | int | None] = field(default_factory=dict)

    def find(self, invariant: str, what: Iterable[str]) -> None:
        """Add findings; none is none."""
        found = sorted(what)
        if found:
            self.findings[invariant] += found

    def forgive(self, *invariants: str) -> None:
        """Drop findings that the fault itself explains."""
        for invariant in invariants:
            self.findings.pop(invariant, None)

    @property
    def broken(self) -> set[str]:
        """The invariants that do not hold."""
        return set(self.findings)

    def __str__(self) -> str:
        """Return a few of the findings, for a test's message."""
        lines = []
        for invariant, found in sorted(self.findings.items()):
            more = f" … {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            lines.append(f"{invariant}: {len(found)}: {'; '.join(found[:_SHOWN])}{more}")
        return "\n".join([*lines, str(self.figures)])


def judge(
    book: Book,
    stored: Stored,
    *,
    told: Sequence[Told] | None = None,
    known: Iterable[Identity] = (),
) -> Judgement:
    """
    Compare what a run sent with what is stored once everything is drained.

    `known` is what earlier runs on the same tables have sent. Without `told` alerts are not
    judged; with it each failed event must have a group of its own (a model of its own).
    """
    judgement = Judgement(figures=_figures(book, stored))
    lost = missing(book, stored)
    judgement.find("I1", map(_named, lost))
    judgement.find("I2", [*doubled(stored), *differing(book, stored, known)])
    judgement.find("I3", map(_named, untold(book, stored)))
    judgement.find("I4", wrong_current(stored))
    if told is not None:
        sent = {sent.event_id for sent in book.sent()}
        failed = [r.event_id for r in stored.events if r.outcome == "failed" and r.event_id in sent]
        judgement.find("I5", alerts_wrong(failed, told))
    judgement.figures |= {
        "missing": len(lost),
        "doubled": len(doubled(stored)),
    }
    return judgement


def verdict_of(judgement: Judgement, row: str = "") -> str:
    """Return it in a few words; in the rows M, which hold mutants, findings are what is wanted."""
    found = ", ".join(sorted(judgement.broken))
    if row == "M":
        return f"the judge finds {found or 'nothing'}"
    return f"FAILS {found}" if found else "holds"


def missing(book: Book, stored: Stored) -> set[Identity]:
    """Return what was acknowledged and is nowhere in storage."""
    return {each for each in book.identities(Verdict.ACKED) if not _is_kept(each, stored)}


def untold(book: Book, stored: Stored) -> set[Identity]:
    """Return what is not in storage although no call's last word was a refusal or none at all."""
    last: dict[Identity, Verdict] = {}
    for call in sorted(book.calls.values(), key=lambda call: call.answered_at or call.sent_at):
        last[call.sent.identity] = call.verdict
    return {
        each
        for each, verdict in last.items()
        if verdict is Verdict.ACKED and not _is_kept(each, stored)
    }


def doubled(stored: Stored) -> list[str]:
    """Return keys with more than one row."""
    events = Counter(row.event_id for row in stored.events)
    counters: tuple[Mapping[object, int], ...] = (events, stored.conflicts, stored.quarantine)
    return [f"{key} has {n} rows" for each in counters for key, n in each.items() if n > 1]


def differing(book: Book, stored: Stored, known: Iterable[Identity] = ()) -> list[str]:
    """Return rows whose bytes are not what was sent, and rows of what was never sent."""
    sent = {*book.identities(), *known}
    invented = [f"{key} was never sent" for key in stored.keys if not _is_known(key, sent)]
    changed = [
        f"{row.event_id} states {row.sha256[:12]}, its bytes are {(row.real_sha256 or 'gone')[:12]}"
        for row in stored.events
        if row.real_sha256 != row.sha256
    ]
    return invented + changed


def wrong_current(stored: Stored) -> list[str]:
    """Return requests whose current row is not the greatest of their events."""
    best: dict[str, EventRow] = {}
    for row in stored.events:
        if row.request_id not in best or _order(row) > _order(best[row.request_id]):
            best[row.request_id] = row
    expected = {request: row.event_id for request, row in best.items()}
    requests = expected.keys() | stored.current.keys()
    return [
        f"{each}: current is {stored.current.get(each)}, expected {expected.get(each)}"
        for each in requests
        if stored.current.get(each) != expected.get(each)
    ]


def alerts_wrong(failed: Iterable[str], told: Sequence[Told]) -> list[str]:
    """Return failed events that nobody was told of, or under more than one dedup key."""
    keys: dict[str, set[str]] = defaultdict(set)
    for alert in told:
        for event_id in alert.samples:
            keys[event_id].add(alert.dedup_key)
    counts = {each: len(keys[each]) for each in failed}
    return [f"{each} was told under {n} keys" for each, n in counts.items() if n != 1]


def leaks(secrets: Iterable[str], places: Mapping[str, bytes]) -> list[str]:
    """Return where a secret can be read; the secret itself is not repeated."""
    return [
        f"secret {number} stands in {place}"
        for number, secret in enumerate(secrets, 1)
        for place, content in places.items()
        if secret.encode() in content
    ]


def _figures(book: Book, stored: Stored) -> dict[str, float | int | None]:
    spooled = sum(call.durability == "spool" for call in book.calls.values())
    return {
        "calls": len(book.calls),
        "acked": book.count(Verdict.ACKED),
        "spooled": spooled,
        "refused": book.count(Verdict.REFUSED),
        "unknown": book.count(Verdict.UNKNOWN),
        "rows": len(stored.events),
        "conflicts": stored.conflicts.total(),
        "dead_letters": stored.dead_letters,
    }


def _is_kept(identity: Identity, stored: Stored) -> bool:
    event_id, sha256 = identity
    if event_id is not None:
        return (event_id, sha256) in stored.keys
    return any(sha256 == held for _, held in stored.quarantine)


def _is_known(key: Key, sent: set[Identity]) -> bool:
    return key in sent or (None, key[1]) in sent


def _order(row: EventRow) -> tuple[int, str, str]:
    return _RANK[row.outcome], row.received_at, row.event_id


def _named(identity: Identity) -> str:
    event_id, sha256 = identity
    return f"{event_id or 'quarantined'} {sha256[:12]}"
