"""One audit's running account: claims come in batches, differences and figures come out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from bus.records import NextOffsets
from consumers.storage.queries import Known
from inferbus.audit.claims import Claim
from inferbus.audit.compare import (
    Difference,
    Verdict,
    damaged,
    differing,
    entry,
    is_read_by_storage,
    judge,
    lost_blob,
    missing,
)

# Where storage has lost everything, the first thousand differences tell enough.
MAX_DIFFERENCES = 1000
MAX_RECHECKED = 10_000


class Ledger(Protocol):
    """What storage keeps, as the audit asks for it."""

    def books(self, claims: Sequence[Claim]) -> Known:
        """Look the ids of these claims up."""
        ...

    def has_equal_content(self, claim: Claim) -> bool:
        """Tell whether the event stored under the claim's id has the same content."""
        ...


class Check:
    """
    Judges claims batch by batch; memory is bounded but for 8 bytes' hash of each distinct entry.

    `committed` is what storage had settled before the look-ups began.
    """

    def __init__(
        self, ledger: Ledger, has_blob: Callable[[str], bool], committed: NextOffsets
    ) -> None:
        self._ledger = ledger
        self._has_blob = has_blob
        self._committed = committed
        self._seen: set[int] = set()
        self._missing: list[Claim] = []
        self.records: Counter[str] = Counter()
        self.balanced = 0
        self.pruned = 0
        self.behind = 0
        self.blobs = 0
        self.found: Counter[str] = Counter()
        self.differences: list[Difference] = []

    @property
    def distinct(self) -> int:
        """How many distinct entries of the books the records have led to."""
        return len(self._seen)

    def take(self, claims: Sequence[Claim]) -> None:
        """Judge one batch of claims."""
        books = self._ledger.books(claims)
        for claim in claims:
            self.records[claim.position.topic] += 1
            self._judge(claim, books)
            self._follow(claim)
            if claim.is_damaged:
                self.add(damaged(claim))

    def add(self, difference: Difference) -> None:
        """Note one difference; beyond the first thousand they are only counted."""
        self.found[difference.what] += 1
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(difference)

    def recheck(self) -> None:
        """
        Look what was missing up once more, then call it a difference.

        A record that storage parked is settled before its dead letter is stored.
        """
        late, self._missing = self._missing, []
        for start in range(0, len(late), 500):
            batch = late[start : start + 500]
            books = self._ledger.books(batch)
            for claim in batch:
                verdict = judge(claim, books)
                if verdict is Verdict.BALANCED:
                    self._count_balanced(claim, books)
                elif verdict is Verdict.PRUNED:
                    self.pruned += 1
                else:
                    self.add(missing(claim))

    def check_reference(self, where: str, sha256: str, event_id: str | None) -> None:
        """Check that a reference leads to a blob."""
        self.blobs += 1
        if not self._has_blob(sha256):
            self.add(lost_blob(where, sha256, event_id))

    @property
    def has_missing(self) -> bool:
        """Whether anything awaits the second look."""
        return bool(self._missing)

    def _judge(self, claim: Claim, books: Known) -> None:
        verdict = judge(claim, books)
        if verdict is Verdict.BALANCED:
            self._count_balanced(claim, books)
        elif verdict is Verdict.PRUNED:
            self.pruned += 1
        elif not is_read_by_storage(claim.position, self._committed):
            self.behind += 1
        elif verdict is Verdict.MISSING:
            self._miss(claim)
        elif self._ledger.has_equal_content(claim):
            self._count_balanced(claim, books)
        else:
            self._seen.add(hash(entry(claim, books)))
            self.add(differing(claim, books.events[claim.event_id or ""]))

    def _miss(self, claim: Claim) -> None:
        if len(self._missing) < MAX_RECHECKED:
            self._missing.append(replace(claim, body=None))
        else:
            self.add(missing(claim))

    def _count_balanced(self, claim: Claim, books: Known) -> None:
        self.balanced += 1
        self._seen.add(hash(entry(claim, books)))

    def _follow(self, claim: Claim) -> None:
        if claim.ref is not None:
            self.check_reference(str(claim.position.topic), claim.ref.sha256, claim.event_id)
