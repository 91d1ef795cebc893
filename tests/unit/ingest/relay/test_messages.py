"""What an ingress and its relay send each other arrives as it was sent, however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from bus.records import Record
from ingest.relay.messages import Batch, Failure, Inbox, Report, packed

_RECORDS = st.builds(
    Record,
    st.text(),
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.lists(st.tuples(st.text(), st.binary())).map(tuple),
)
_BATCHES = st.lists(st.tuples(st.integers(0, 2**63), _RECORDS))
_FAILURES = st.dictionaries(st.integers(0, 2**63), st.builds(Failure, st.text(), st.text()))
_REPORTS = st.builds(
    Report, st.lists(st.integers(0, 2**63)), _FAILURES, _FAILURES, st.none() | st.text()
)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.lists(_BATCHES, max_size=4), st.integers(1, 200))
def test_batches_arrive_however_they_are_cut(batches: list[Batch], size: int) -> None:
    inbox: Inbox[Batch] = Inbox(Batch)
    parts = _cut(b"".join(map(packed, batches)), size)

    assert [batch for part in parts for batch in inbox.take(part)] == batches


@given(st.lists(_REPORTS, max_size=4), st.integers(1, 200))
def test_reports_arrive_however_they_are_cut(reports: list[Report], size: int) -> None:
    inbox: Inbox[Report] = Inbox(Report)
    parts = _cut(b"".join(map(packed, reports)), size)

    assert [report for part in parts for report in inbox.take(part)] == reports
