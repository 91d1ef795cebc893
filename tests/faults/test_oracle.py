"""The judge itself: each invariant is broken by what it names, and by nothing else."""

import hashlib
from pathlib import Path

from tests.faults.draining import Patience
from tests.faults.ledger import Book, Ledger, Sent, Verdict, read_ledger
from tests.faults.oracle import judge, leaks
from tests.faults.stored import EventRow, Stored, Told


def sha(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def sent(call: str, *, request: str = "r1", outcome: str = "succeeded", body: str = "b") -> Sent:
    return Sent(call, request, outcome, f"deepinfra:{request}:{outcome}", sha(body))


def row(*, request: str = "r1", outcome: str = "succeeded", body: str = "b") -> EventRow:
    return EventRow(
        f"deepinfra:{request}:{outcome}", request, outcome, sha(body), sha(body), "2026-11-24T12"
    )


def stored(*rows: EventRow) -> Stored:
    return Stored(events=list(rows), current={row.request_id: row.event_id for row in rows})


def book(tmp_path: Path, **verdicts: Verdict) -> Book:
    with Ledger(tmp_path / "ledger") as ledger:
        for call, verdict in verdicts.items():
            ledger.sending(sent(call))
            ledger.answered(call, verdict, 200 if verdict is Verdict.ACKED else None)
        return ledger.book


def test_what_was_acknowledged_and_stored_is_right(tmp_path: Path) -> None:
    assert judge(book(tmp_path, a=Verdict.ACKED), stored(row())).broken == set()


def test_an_acknowledged_delivery_that_is_nowhere_is_lost(tmp_path: Path) -> None:
    judgement = judge(book(tmp_path, a=Verdict.ACKED), stored())

    assert judgement.broken == {"I1", "I3"}
    assert judgement.figures["missing"] == 1


def test_one_acknowledged_call_of_several_is_a_promise(tmp_path: Path) -> None:
    """The sender that heard 2xx once forgets the delivery, whatever other calls heard."""
    book_ = book(tmp_path, a=Verdict.ACKED, b=Verdict.REFUSED)

    assert judge(book_, stored()).broken == {"I1"}


def test_refused_and_unanswered_deliveries_may_be_there_or_not(tmp_path: Path) -> None:
    book_ = book(tmp_path, a=Verdict.REFUSED, b=Verdict.UNKNOWN)

    assert judge(book_, stored()).broken == set()
    assert judge(book_, stored(row())).broken == set()


def test_two_rows_of_one_event_break_exactly_once(tmp_path: Path) -> None:
    judgement = judge(book(tmp_path, a=Verdict.ACKED), stored(row(), row()))

    assert judgement.broken == {"I2"}
    assert judgement.figures["doubled"] == 1


def test_other_bytes_than_were_sent_break_exactly_once(tmp_path: Path) -> None:
    changed = EventRow("deepinfra:r1:succeeded", "r1", "succeeded", sha("b"), sha("c"), "2026")

    assert judge(book(tmp_path, a=Verdict.ACKED), stored(changed)).broken == {"I2"}


def test_a_row_that_nobody_sent_breaks_exactly_once(tmp_path: Path) -> None:
    rows = stored(row(), row(request="r2"))

    assert judge(book(tmp_path, a=Verdict.ACKED), rows).broken == {"I2"}


def test_a_conflict_is_kept_in_its_own_table(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        for each in (sent("a"), sent("b", body="other")):
            ledger.sending(each)
            ledger.answered(each.call, Verdict.ACKED, 200)
    rows = stored(row())
    assert judge(ledger.book, rows).broken == {"I1", "I3"}

    rows = stored(row())
    rows.conflicts[("deepinfra:r1:succeeded", sha("other"))] += 1
    assert judge(ledger.book, rows).broken == set()


def test_a_quarantined_delivery_is_found_by_its_bytes(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.sending(Sent("a", "r1", "quarantined", None, sha("?")))
        ledger.answered("a", Verdict.ACKED, 202)
    rows = stored()
    rows.quarantine[("deepinfra:sha256-1:quarantined", sha("?"))] += 1

    assert judge(ledger.book, rows).broken == set()


def test_the_current_row_is_the_rule_s_not_the_order_s(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.sending(sent("a"), sent("b", outcome="failed"))
    rows = stored(row(), row(outcome="failed"))

    assert judge(ledger.book, rows).broken == {"I4"}


def test_a_failed_event_wants_one_dedup_key(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.sending(sent("a", outcome="failed"))
    rows = stored(row(outcome="failed"))
    told = Told("k1", ("deepinfra:r1:failed",))

    assert judge(ledger.book, rows, told=[]).broken == {"I5"}
    assert judge(ledger.book, rows, told=[told, told]).broken == set()
    other = Told("k2", ("deepinfra:r1:failed",))
    assert judge(ledger.book, rows, told=[told, other]).broken == {"I5"}


def test_a_secret_is_found_wherever_it_stands() -> None:
    assert leaks(["s3cret"], {"log": b"token=s3cret", "db": b"nothing"}) == [
        "secret 1 stands in log"
    ]


def test_the_ledger_survives_a_kill(tmp_path: Path) -> None:
    """What is on disk gives the same book, a torn last line aside."""
    written = book(tmp_path, a=Verdict.ACKED, b=Verdict.REFUSED)
    with (tmp_path / "ledger").open("ab") as file:
        file.write(b'{"say": "send')

    assert read_ledger(tmp_path / "ledger") == written


def test_patience_lasts_while_less_and_less_is_left() -> None:
    patience = Patience(without_progress_s=0.0, at_most_s=60.0)

    assert not patience.lasts(3)
    assert Patience(without_progress_s=60.0, at_most_s=60.0).lasts(3)
    assert not Patience(without_progress_s=60.0, at_most_s=0.0).lasts(3)
