"""The running account of an audit: what is found, what waits, what is bounded."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bus.records import Position, TopicPartition
from consumers.storage.queries import Known
from inferbus.audit.check import MAX_DIFFERENCES, Check
from inferbus.audit.claims import Claim, Kind
from schemas.event import PayloadRef

PARTITION = TopicPartition("inference.succeeded", 0)
books_of = partial(Known, events={}, conflicts=frozenset(), quarantine={}, parked=frozenset())
SETTLED = {PARTITION: 1_000_000}


def claim(number: int = 1, sha256: str = "aa") -> Claim:
    """Return the claim of an event at the offset of that number."""
    event_id = f"deepinfra:R{number}:succeeded"
    at = Position(PARTITION.topic, PARTITION.partition, number)
    return Claim(Kind.EVENT, at, event_id, sha256, f"v{number}", body=b"{}")


class BookKeeper:
    """A ledger over books that a test writes; remembers how often it was asked."""

    def __init__(self, books: Known | None = None, *, equal: bool = False) -> None:
        self.written = books or books_of()
        self.equal = equal
        self.asked = 0

    def books(self, claims: Sequence[Claim]) -> Known:
        """Return the books."""
        self.asked += 1
        assert claims
        return self.written

    def has_equal_content(self, claim: Claim) -> bool:
        """Answer as the test says; the body must be at hand."""
        assert claim.body is not None
        return self.equal


def check_of(ledger: BookKeeper, committed: dict[TopicPartition, int] | None = None) -> Check:
    """Return a check for which every blob is there."""
    return Check(ledger, lambda _: True, SETTLED if committed is None else committed)


def test_a_batch_is_looked_up_at_once() -> None:
    """A hundred records cost one look-up, not a hundred."""
    ledger = BookKeeper(books_of(events={f"deepinfra:R{n}:succeeded": "aa" for n in range(100)}))
    check = check_of(ledger)

    check.take([claim(n) for n in range(100)])

    assert (check.balanced, ledger.asked, dict(check.found)) == (100, 1, {})


def test_a_missing_record_is_a_difference_after_the_second_look() -> None:
    """And the report says where it lies."""
    check = check_of(BookKeeper())
    check.take([claim(5)])
    assert check.has_missing

    check.recheck()

    assert check.found == {"missing": 1}
    assert check.differences[0].position == Position("inference.succeeded", 0, 5)
    assert check.differences[0].event_id == "deepinfra:R5:succeeded"


def test_what_turns_up_by_the_second_look_is_no_difference() -> None:
    """Storage parks a record before it reads its own dead letter."""
    ledger = BookKeeper()
    check = check_of(ledger)
    check.take([claim(5)])

    ledger.written = books_of(parked=frozenset({("storage", "v5")}))
    check.recheck()

    assert (check.balanced, dict(check.found)) == (1, {})


def test_lag_is_not_reported_as_loss() -> None:
    """A record that storage has not settled is behind, missing or doubtful alike."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R6:succeeded": "zz"})), {PARTITION: 5})

    check.take([claim(4), claim(5), claim(6)])
    check.recheck()

    assert check.behind == 2
    assert check.found == {"missing": 1}
    assert check.differences[0].position == Position("inference.succeeded", 0, 4)


def test_a_record_stored_before_its_commit_is_balanced() -> None:
    """What is in the books is in the books, whatever the group has committed."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R1:succeeded": "aa"})), {})

    check.take([claim(1)])

    assert (check.balanced, check.behind) == (1, 0)


def test_other_bytes_with_equal_content_are_fine() -> None:
    """Redelivery with other bytes is the same event."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R1:succeeded": "zz"}), equal=True))

    check.take([claim(1)])

    assert (check.balanced, dict(check.found)) == (1, {})


def test_other_content_without_a_conflict_is_found() -> None:
    """The second content would be lost."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R1:succeeded": "zz"})))

    check.take([claim(1)])

    assert check.found == {"differs": 1}


def test_a_damaged_record_is_found_also_when_it_is_stored() -> None:
    """The bytes on Kafka do not have the hash they came with."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R1:succeeded": "aa"})))

    check.take([replace(claim(1), is_damaged=True)])

    assert check.found == {"damaged": 1}


def test_a_lost_blob_is_found_from_either_side() -> None:
    """A record's reference and a row's reference must both lead somewhere."""
    ref = PayloadRef("file:///blobs/gone", "gone", 5)
    check = Check(
        BookKeeper(books_of(events={"deepinfra:R1:succeeded": "aa"})),
        {"kept"}.__contains__,
        SETTLED,
    )

    check.take([replace(claim(1), ref=ref)])
    check.check_reference("table events", "gone", "deepinfra:R2:succeeded")
    check.check_reference("table events", "kept", "deepinfra:R3:succeeded")

    assert (check.blobs, dict(check.found)) == (3, {"blob": 2})


def test_redelivered_records_count_as_one_entry() -> None:
    """Five records of one event are balanced, and one row."""
    check = check_of(BookKeeper(books_of(events={"deepinfra:R1:succeeded": "aa"})))

    check.take(
        [replace(claim(1), position=Position("inference.succeeded", 0, n)) for n in range(5)]
    )

    assert (check.balanced, check.distinct) == (5, 1)


def test_differences_are_counted_beyond_what_is_kept() -> None:
    """A database that was emptied does not fill memory."""
    check = check_of(BookKeeper())

    for start in range(0, 12_000, 500):
        check.take([claim(n) for n in range(start, start + 500)])
    check.recheck()

    assert check.found == {"missing": 12_000}
    assert len(check.differences) == MAX_DIFFERENCES
