"""Made-up records against made-up books: each way to differ is found."""

from dataclasses import replace
from functools import partial

import pytest

from bus.records import Position, TopicPartition
from consumers.storage.queries import Known
from inferbus.audit.claims import Claim, Kind
from inferbus.audit.compare import Verdict, entry, is_read_by_storage, judge, lag

books_of = partial(Known, events={}, conflicts=frozenset(), quarantine={}, parked=frozenset())
AT = Position("inference.succeeded", 0, 7)
ID = "deepinfra:R1:succeeded"
EVENT = Claim(Kind.EVENT, AT, ID, "aa", "v1")
HELD_ID = "deepinfra:sha256-ff:quarantined"
HELD = Claim(Kind.QUARANTINED, AT, HELD_ID, "bb", "v2")
PARKED = Claim(Kind.DEAD_LETTER, AT, ID, "v1", "v1", parked_by="alerting")
UNREADABLE = Claim(Kind.UNREADABLE, AT, None, "cc", "cc")


def test_an_event_with_its_hash_is_balanced() -> None:
    """The plain case."""
    assert judge(EVENT, books_of(events={ID: "aa"})) is Verdict.BALANCED


def test_an_event_in_no_book_is_missing() -> None:
    """The loss an audit is there to find."""
    assert judge(EVENT, books_of()) is Verdict.MISSING


def test_another_event_does_not_stand_for_it() -> None:
    """The id counts, not the hash."""
    assert judge(EVENT, books_of(events={"deepinfra:R2:succeeded": "aa"})) is Verdict.MISSING


def test_an_event_stored_with_other_bytes_is_doubtful() -> None:
    """Only the contents can tell then."""
    assert judge(EVENT, books_of(events={ID: "zz"})) is Verdict.DOUBTFUL


def test_other_bytes_kept_as_a_conflict_are_balanced() -> None:
    """Kept and shown: nothing is lost."""
    books = books_of(events={ID: "zz"}, conflicts=frozenset({(ID, "aa")}))

    assert judge(EVENT, books) is Verdict.BALANCED


@pytest.mark.parametrize("conflict", [(ID, "yy"), ("deepinfra:R2:succeeded", "aa")])
def test_another_conflict_does_not_stand_for_it(conflict: tuple[str, str]) -> None:
    """Id and hash must both be the record's."""
    books = books_of(events={ID: "zz"}, conflicts=frozenset({conflict}))

    assert judge(EVENT, books) is Verdict.DOUBTFUL


def test_a_conflict_without_its_event_is_no_book_entry() -> None:
    """The event that won must be there too."""
    assert judge(EVENT, books_of(conflicts=frozenset({(ID, "aa")}))) is Verdict.MISSING


def test_an_event_that_storage_parked_is_balanced() -> None:
    """Its whole value is kept among the dead letters."""
    assert judge(EVENT, books_of(parked=frozenset({("storage", "v1")}))) is Verdict.BALANCED
    assert judge(EVENT, books_of(parked=frozenset({("storage", "v2")}))) is Verdict.MISSING


def test_an_event_that_only_alerting_parked_is_missing() -> None:
    """That takes nothing off storage."""
    books = books_of(parked=frozenset({("alerting", "v1")}))

    assert judge(EVENT, books) is Verdict.MISSING


@pytest.mark.parametrize(
    ("quarantine", "verdict"),
    [
        ({HELD_ID: "bb"}, Verdict.BALANCED),
        ({HELD_ID: "xx"}, Verdict.MISSING),
        ({}, Verdict.MISSING),
    ],
)
def test_a_quarantined_delivery_needs_its_own_bytes(
    quarantine: dict[str, str], verdict: Verdict
) -> None:
    """Its id is made of its bytes, so other bytes are another delivery."""
    assert judge(HELD, books_of(quarantine=quarantine)) is verdict


def test_a_quarantined_delivery_is_not_looked_for_among_events() -> None:
    """Nor an event in the quarantine."""
    assert judge(HELD, books_of(events={HELD_ID: "bb"})) is Verdict.MISSING
    assert judge(EVENT, books_of(quarantine={ID: "aa"})) is Verdict.MISSING


def test_a_dead_letter_belongs_to_its_consumer() -> None:
    """The same record parked by another consumer is another entry."""
    assert judge(PARKED, books_of(parked=frozenset({("alerting", "v1")}))) is Verdict.BALANCED
    assert judge(PARKED, books_of(parked=frozenset({("storage", "v1")}))) is Verdict.MISSING
    assert judge(PARKED, books_of(events={ID: "aa"})) is Verdict.MISSING


def test_an_unreadable_record_must_have_been_parked() -> None:
    """Storage can do nothing else with it."""
    assert judge(UNREADABLE, books_of()) is Verdict.MISSING
    assert judge(UNREADABLE, books_of(parked=frozenset({("storage", "cc")}))) is Verdict.BALANCED


def test_records_of_one_event_lead_to_one_entry() -> None:
    """Redeliveries count once, also with equal content in other bytes; a conflict counts beside."""
    books = books_of(events={ID: "aa"}, conflicts=frozenset({(ID, "kk")}))
    equal, conflicting = replace(EVENT, sha256="ee"), replace(EVENT, sha256="kk")

    assert entry(EVENT, books) == entry(equal, books)
    assert entry(conflicting, books) != entry(EVENT, books)


def test_a_record_and_its_dead_letter_lead_to_one_entry() -> None:
    """Both are on Kafka, one row keeps them."""
    books = books_of(parked=frozenset({("storage", "v1")}))

    assert entry(EVENT, books) == entry(replace(PARKED, parked_by="storage"), books)


@pytest.mark.parametrize(("committed", "is_read"), [(7, False), (8, True), (0, False)])
def test_only_a_settled_record_can_be_lost(committed: int, is_read: bool) -> None:  # noqa: FBT001 - a table of cases
    """The committed offset is the next one to read."""
    partition = TopicPartition("inference.succeeded", 0)

    assert is_read_by_storage(AT, {partition: committed}) is is_read
    assert is_read_by_storage(AT, {}) is False


@pytest.mark.parametrize(
    ("begin", "end", "committed", "behind"),
    [
        ({}, {}, {}, 0),
        ({"a": 0}, {"a": 5}, {}, 5),
        ({"a": 3}, {"a": 5}, {}, 2),
        ({"a": 3}, {"a": 5}, {"a": 1}, 2),
        ({"a": 0}, {"a": 5}, {"a": 5}, 0),
        ({"a": 0}, {"a": 5}, {"a": 9}, 0),
        ({"a": 0, "b": 0}, {"a": 5, "b": 2}, {"a": 4}, 3),
    ],
)
def test_lag_counts_what_is_held_and_not_settled(
    begin: dict[str, int], end: dict[str, int], committed: dict[str, int], behind: int
) -> None:
    """What retention has removed is not waited for; a commit beyond the end is no credit."""

    def offsets(of: dict[str, int]) -> dict[TopicPartition, int]:
        return {TopicPartition(name, 0): offset for name, offset in of.items()}

    assert lag(offsets(begin), offsets(end), offsets(committed)) == behind
