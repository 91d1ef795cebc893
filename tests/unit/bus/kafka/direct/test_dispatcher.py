"""Every record is settled once and in order, whatever the brokers say."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import (
    BusUnavailableError,
    PublishError,
    PublishTimeoutError,
    RecordRefusedError,
    TopicMissingError,
)
from bus.kafka.direct.dispatcher import Dispatcher, Patience
from bus.kafka.direct.requests import Answer
from bus.kafka.outbox import Send, Settled
from bus.protocols import Outcome
from bus.records import Position, Record
from tests.unit.bus.kafka.direct.fakes import OK, FakeWire, Place

DELIVERY_S = 30.0
NOT_LEADER, TIMED_OUT, TOO_LARGE, NO_REPLICAS, DENIED, INVALID = 6, 7, 10, 19, 29, 87
RETRIABLE = [2, 3, 5, 6, 7, 13, 19, 20, 56, 74]
UNKNOWN_OUTCOME = [-1, 35, 45, 46, 59, 999]


class Desk:
    """Hands over, lets time pass, keeps every outcome."""

    def __init__(self, wire: FakeWire, batch_bytes: int = 131_072) -> None:
        self.wire = wire
        self.now = 1000.0
        self.outcomes: dict[bytes, Outcome] = {}
        self.dispatcher = Dispatcher(self._settle_all, Patience(DELIVERY_S), batch_bytes)
        self.dispatcher.begin_anew(wire, self.now)

    def _settle_all(self, settled: Iterable[Settled]) -> None:
        for send, outcome in settled:
            self._settle(send, outcome)

    def _settle(self, send: Send, outcome: Outcome) -> None:
        if send.is_answered:  # as the outbox does: an answer that comes too late goes nowhere
            return
        value = send.record.value or b""
        send.is_answered = True
        self.outcomes[value] = outcome

    def turn(self, *answers: Answer, after_s: float = 0.0) -> None:
        self.now += after_s
        self.dispatcher.turn(self.wire, (), answers, self.now)

    def hand_over(self, *values: bytes, topic: str = "t", key: bytes | None = b"k") -> None:
        sends = [Send(Record(topic, key, value), lambda _: None, self.now) for value in values]
        self.dispatcher.turn(self.wire, sends, (), self.now)

    def know(self, *topics: str) -> None:
        """Make the topics known, as a first record of each would."""
        for topic in topics:
            self.wire.ask(topic)
        self.wire.tell()
        self.turn()

    def finish(self, patience_s: float = DELIVERY_S + 1) -> None:
        """Answer, tell and let time pass until nothing more happens."""
        ends_at = self.now + patience_s
        while self.now < ends_at:
            self.wire.tell()
            self.turn(*self.wire.poll(0), after_s=0.05)


def desk(*leaders: int, batch_bytes: int = 131_072) -> Desk:
    """A desk whose topic `t` is known."""
    made = Desk(FakeWire(t=leaders or (0,)), batch_bytes)
    made.know("t")
    return made


def test_the_next_batch_gathers_while_one_request_is_in_flight() -> None:
    """The first goes at once, what comes meanwhile goes together."""
    d = desk()
    d.hand_over(b"1")
    d.hand_over(b"2")
    d.hand_over(b"3")
    assert d.dispatcher.is_busy
    assert d.wire.sent == [(0, {("t", 0): [b"1"]})]

    d.turn(d.wire.answer())
    d.turn(d.wire.answer())

    assert d.wire.sent[1:] == [(0, {("t", 0): [b"2", b"3"]})]
    assert d.outcomes == {str(n + 1).encode(): Position("t", 0, n) for n in range(3)}


def test_each_broker_has_a_request_of_its_own() -> None:
    """One that is slow holds up nobody else's partitions."""
    d = desk(0, 1, 0)
    d.hand_over(*(b"%d" % n for n in range(6)), key=None)

    assert [node for node, _ in d.wire.sent] == [0, 1]
    assert [len(request) for _, request in d.wire.sent] == [2, 1]
    d.turn(d.wire.answer(1))
    d.hand_over(*(b"%d" % n for n in range(6, 12)), key=None)
    assert [node for node, _ in d.wire.sent] == [0, 1, 1]


def test_a_broker_of_small_batches_gets_single_records() -> None:
    """The embedded broker miscounts batches of several."""
    d = desk(batch_bytes=0)
    d.hand_over(b"1", b"2", b"3")
    d.finish(1)

    assert [request["t", 0] for _, request in d.wire.sent] == [[b"1"], [b"2"], [b"3"]]


def test_requests_and_batches_are_bounded_and_every_partition_has_its_turn() -> None:
    """A megabyte a request; what did not fit goes first the next time."""
    d = desk(*[0] * 12)
    d.hand_over(*(b"%02d" % n + bytes(120_000) for n in range(24)), key=None)
    d.finish(1)

    sizes = [sum(len(v) for vs in r.values() for v in vs) for _, r in d.wire.sent]
    assert max(sizes) <= 1_048_576 + 131_072
    assert all(len(values) == 1 for _, request in d.wire.sent for values in request.values())
    assert set(d.wire.sent[0][1]) | set(d.wire.sent[1][1]) == {("t", n) for n in range(12)}
    assert all(isinstance(each, Position) for each in d.outcomes.values())


@pytest.mark.parametrize("code", RETRIABLE)
def test_what_passes_is_tried_again(code: int) -> None:
    """In order, after a pause, with no error for anybody."""
    d = desk()
    codes = [code, code, OK, OK]
    d.wire.fault = lambda _place, _values: codes.pop(0)
    d.hand_over(b"1", b"2")
    d.hand_over(b"3")
    d.finish(5)

    assert d.outcomes == {str(n + 1).encode(): Position("t", 0, n) for n in range(3)}


@pytest.mark.parametrize("code", UNKNOWN_OUTCOME)
def test_an_unheard_of_error_fails_with_its_outcome_unknown(code: int) -> None:
    """And the next record goes through."""
    d = desk()
    codes = [code, OK]
    d.wire.fault = lambda _place, _values: codes.pop(0)
    d.hand_over(b"1")
    d.hand_over(b"2")
    d.finish(5)

    assert isinstance(d.outcomes[b"1"], PublishTimeoutError)
    assert isinstance(d.outcomes[b"2"], Position)


def test_a_right_that_is_missing_is_named_at_once() -> None:
    d = desk()
    d.wire.fault = lambda _place, _values: DENIED
    d.hand_over(b"1")
    d.turn(d.wire.answer())

    assert str(d.outcomes[b"1"]).startswith("no right to WRITE topic t")


@given(
    st.lists(st.booleans(), min_size=1, max_size=40),
    st.sampled_from([TOO_LARGE, INVALID, 18, 44]),
)
def test_only_the_records_at_fault_are_refused(bad: list[bool], code: int) -> None:
    """Wherever they stand, their neighbours are written, in order."""
    d = desk()
    values = [b"%d %s" % (n, b"bad" if each else b"good") for n, each in enumerate(bad)]
    d.wire.fault = lambda _place, sent: code if any(b"bad" in v for v in sent) else OK
    d.hand_over(*values)
    d.finish()

    refused = {v for v, o in d.outcomes.items() if isinstance(o, RecordRefusedError)}
    assert refused == {value for value in values if b"bad" in value}
    assert d.wire.log["t", 0] == [value for value in values if b"good" in value]


def test_a_topic_that_takes_small_batches_is_remembered() -> None:
    """After the first refusals no batch is too large again."""
    d = desk()
    d.wire.fault = lambda _place, sent: TOO_LARGE if sum(map(len, sent)) > 5000 else OK
    d.hand_over(*(b"%04d" % n + bytes(1000) for n in range(64)))
    d.finish(10)
    before = len(d.wire.sent)
    d.hand_over(*(b"%04d" % n + bytes(1000) for n in range(64, 128)))
    d.finish(10)

    assert all(isinstance(each, Position) for each in d.outcomes.values())
    assert all(sum(map(len, r["t", 0])) <= 5000 for _, r in d.wire.sent[before:])


def test_what_is_no_record_is_refused_alone() -> None:
    """Its neighbours go with the next batch."""
    d = desk()
    d.hand_over(b"0")
    broken = Record("t", b"k", b"broken", (("h", None),))  # type: ignore[arg-type] # at fault
    send = Send.__new__(Send)
    send.record, send.resolve, send.handed_over_at, send.size = broken, lambda _: None, d.now, 9
    send.is_answered = send.may_be_written = False
    sound = [Send(Record("t", b"k", value), lambda _: None, d.now) for value in (b"1", b"2")]
    d.dispatcher.turn(d.wire, [sound[0], send, sound[1]], (), d.now)
    d.finish(2)

    assert isinstance(d.outcomes[b"broken"], RecordRefusedError)
    assert d.wire.log["t", 0] == [b"0", b"1", b"2"]


def test_partitions_follow_their_leader() -> None:
    """What the old one refuses goes to the new one, once the cluster has told."""
    d = desk(0, 0)
    d.wire.fault = lambda _place, _values: NOT_LEADER
    d.hand_over(b"1", key=b"k")
    asks = d.wire.asks
    d.turn(d.wire.answer(0))
    assert d.wire.asks > asks

    d.wire.cluster["t"] = {0: 1, 1: 1}
    d.wire.fault = lambda _place, _values: OK
    d.wire.tell()
    d.turn(after_s=0.2)

    assert [node for node, _ in d.wire.sent] == [0, 1]
    d.turn(d.wire.answer(1))
    assert isinstance(d.outcomes[b"1"], Position)


def test_a_deposed_leader_that_says_nothing_holds_up_nobody() -> None:
    """Its request is still in flight when the partitions have gone to another."""
    d = desk(0, 0)
    d.hand_over(b"frozen", key=None)
    d.wire.cluster["t"] = {0: 1, 1: 1}
    d.wire.tell()
    d.hand_over(b"other", key=None)
    d.hand_over(b"later", key=None)

    assert [node for node, _ in d.wire.sent] == [0, 1]
    d.turn(d.wire.answer(1))
    assert isinstance(d.outcomes[b"other"], Position)
    assert b"later" not in d.outcomes  # of the frozen one's partition: order is kept
    d.turn(d.wire.lose(0))
    d.finish(2)
    assert d.wire.log["t", 0] == [b"frozen", b"later"]


def test_during_an_election_records_wait() -> None:
    """The cluster is asked from time to time."""
    d = desk(-1)
    d.hand_over(b"1")
    asks = d.wire.asks
    for _ in range(40):
        d.turn(after_s=0.05)
    assert d.wire.sent == []
    assert asks < d.wire.asks < asks + 20

    d.wire.cluster["t"] = {0: 2}
    d.wire.tell()
    d.finish(2)
    assert isinstance(d.outcomes[b"1"], Position)


def test_an_election_without_end_fails_in_time() -> None:
    d = desk(-1)
    d.hand_over(b"1")
    d.finish()

    assert isinstance(d.outcomes[b"1"], PublishTimeoutError)
    assert "no leader" in str(d.outcomes[b"1"])


def test_a_lost_answer_is_asked_for_again_with_that_batch_alone() -> None:
    """What may be doubled is what was in flight, not what gathered behind it."""
    d = desk()
    d.hand_over(b"1", b"2")
    d.hand_over(*(b"later %d" % n for n in range(50)))
    d.turn(d.wire.lose(is_written=True), after_s=5)
    d.finish(2)

    assert d.wire.sent[1] == (0, {("t", 0): [b"1", b"2"]})
    assert d.wire.log["t", 0][:4] == [b"1", b"2", b"1", b"2"]
    assert len(d.wire.log["t", 0]) == 54
    assert d.outcomes[b"1"] == Position("t", 0, 2)


def test_a_silent_broker_costs_records_their_time() -> None:
    """In flight or waiting, each is answered at its delivery timeout, as unknown."""
    d = desk()
    d.hand_over(b"in flight")
    d.turn(after_s=1)
    d.hand_over(b"waiting")
    d.turn(after_s=DELIVERY_S - 0.9)

    assert isinstance(d.outcomes[b"in flight"], PublishTimeoutError)
    assert b"waiting" not in d.outcomes
    d.turn(after_s=1)
    assert isinstance(d.outcomes[b"waiting"], PublishTimeoutError)
    assert d.dispatcher.oldest_at is None
    d.turn(d.wire.answer())  # too late
    d.hand_over(b"after")
    d.finish(1)
    assert d.wire.log["t", 0] == [b"in flight", b"after"]


def test_what_was_answered_for_is_not_sent_again() -> None:
    """A retry would only double it."""
    d = desk()
    d.hand_over(b"old")
    d.turn(after_s=DELIVERY_S + 1)
    d.turn(d.wire.lose())
    d.finish(2)

    assert len(d.wire.sent) == 1


def test_a_topic_that_is_missing_is_said_to_be() -> None:
    """After a second of asking; nothing was written. Other topics go on meanwhile."""
    d = desk()
    d.hand_over(b"lost", topic="nowhere")
    d.hand_over(b"1")
    d.turn(d.wire.answer())
    assert b"lost" not in d.outcomes
    d.finish(3)

    assert isinstance(d.outcomes[b"lost"], TopicMissingError)
    assert isinstance(d.outcomes[b"1"], Position)
    assert "nowhere" in d.wire.forgotten


def test_silence_does_not_make_a_topic_missing() -> None:
    """A broker that says nothing has not said that."""
    d = desk()
    d.hand_over(b"1", topic="u")
    d.wire.tell()
    for _ in range(40):
        d.turn(after_s=0.25)
    assert d.outcomes == {}

    d.turn(after_s=DELIVERY_S)
    assert isinstance(d.outcomes[b"1"], PublishTimeoutError)
    assert not isinstance(d.outcomes[b"1"], TopicMissingError)


def test_a_topic_that_is_made_anew_is_found() -> None:
    """By the records that wait, in their order; with fewer partitions too."""
    d = desk(0, 0, 0)
    del d.wire.cluster["t"]
    d.wire.tell()
    d.hand_over(*(b"%d" % n for n in range(9)))
    d.turn(after_s=0.3)
    d.wire.cluster["t"] = {0: 0}
    d.finish(2)

    assert d.wire.log["t", 0] == [b"%d" % n for n in range(9)]


def test_a_deleted_topic_fails_what_may_have_been_written_as_unknown() -> None:
    d = desk()
    d.hand_over(b"sent")
    d.hand_over(b"not sent")
    del d.wire.cluster["t"]
    d.wire.tell()
    d.turn(d.wire.lose())
    d.finish(3)

    assert isinstance(d.outcomes[b"sent"], PublishTimeoutError)
    assert isinstance(d.outcomes[b"not sent"], TopicMissingError)


def test_a_topic_that_we_may_not_see_is_refused() -> None:
    d = desk()
    d.wire.denied = frozenset({"secret"})
    d.hand_over(b"1", topic="secret")
    d.wire.tell()
    d.turn()

    assert type(d.outcomes[b"1"]) is PublishError
    assert "no right to WRITE topic secret" in str(d.outcomes[b"1"])


def test_a_right_that_is_given_later_lets_records_through_soon() -> None:
    """Not only when the cluster tells of itself again, half a minute later."""
    d = desk()
    d.wire.denied = frozenset({"secret"})
    d.hand_over(b"1", topic="secret")
    d.wire.tell()
    d.turn()
    d.wire.denied, d.wire.cluster["secret"] = frozenset(), {0: 0}
    d.hand_over(b"2", topic="secret")
    assert isinstance(d.outcomes[b"2"], PublishError)
    asks = d.wire.asks

    d.turn(after_s=0.5)
    d.wire.tell()
    d.hand_over(b"3", topic="secret")
    d.finish()

    assert d.wire.asks == asks + 1
    assert d.wire.log["secret", 0] == [b"3"]


def test_what_is_no_name_for_a_topic_is_refused() -> None:
    d = desk()
    d.hand_over(b"1", topic="no/name")

    assert isinstance(d.outcomes[b"1"], RecordRefusedError)


def test_a_broker_that_throttles_or_is_connected_to_is_waited_for() -> None:
    d = desk(0, 1)
    d.wire.not_ready = {0}
    d.hand_over(b"1", b"2", key=None)
    assert [node for node, _ in d.wire.sent] == [1]

    d.wire.not_ready.clear()
    d.turn(d.wire.answer(1), after_s=0.1)
    assert [node for node, _ in d.wire.sent] == [1, 0]


def test_a_broken_wire_loses_nothing() -> None:
    """What was taken in goes by the next wire; what was in flight goes again."""
    d = desk()
    d.hand_over(b"1")
    d.turn(d.wire.lose(), after_s=1)
    d.wire.broken = "login refused"
    d.now += 1
    with pytest.raises(BusUnavailableError):
        d.hand_over(b"2")

    d.wire = FakeWire(t=[0])
    d.dispatcher.begin_anew(d.wire, d.now)
    d.finish(2)
    assert d.wire.log["t", 0] == [b"1", b"2"]


def test_connections_that_nobody_answers_on_are_given_up() -> None:
    """Not while nothing waits, nor while answers come, be they errors."""
    d = desk()
    d.turn(after_s=100)
    assert d.dispatcher.stuck(d.now) is None
    d.wire.fault = lambda _place, _values: NO_REPLICAS
    d.hand_over(b"1")
    for _ in range(20):
        d.turn(*d.wire.poll(0), after_s=1)
        assert d.dispatcher.stuck(d.now) is None
    d.hand_over(b"2")
    silent_from = d.now
    while d.dispatcher.stuck(d.now) is None:
        d.turn(after_s=1)
        assert d.now < silent_from + 20

    assert "no broker has answered" in str(d.dispatcher.stuck(d.now))


FAULTS = st.sampled_from([OK, OK, OK, *RETRIABLE, TOO_LARGE, INVALID, "lost", "lost after"])


@given(
    st.lists(FAULTS, max_size=30),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.integers(1, 5),
)
def test_whatever_happens_each_is_answered_once_and_order_is_kept(
    faults: list[int | str], bursts: list[int], partitions: int
) -> None:
    """First appearances in a partition's log are in order; what is acknowledged lies there."""
    d = desk(*(n % 2 for n in range(partitions)))
    coming = list(faults)
    number = 0
    for burst in bursts:
        d.hand_over(*(b"%06d" % (number + n) for n in range(burst)), key=None)
        number += burst
        _meet(d, coming)
    for _ in range(1000):
        _meet(d, coming)

    assert len(d.outcomes) == number
    for (topic, partition), log in d.wire.log.items():
        first = list(dict.fromkeys(log))
        assert first == sorted(first)
        for value in first:
            outcome = d.outcomes[value]
            if isinstance(outcome, Position):
                assert (outcome.topic, outcome.partition) == (topic, partition)
                assert log[outcome.offset] == value
    acked = {value for value, outcome in d.outcomes.items() if isinstance(outcome, Position)}
    assert acked <= {value for log in d.wire.log.values() for value in log}


def _meet(d: Desk, coming: list[int | str]) -> None:
    """Let each request in flight meet the next fault."""

    def fault(_place: Place, values: list[bytes]) -> int:
        code = coming.pop(0) if coming and isinstance(coming[0], int) else OK
        return int(code)

    d.wire.fault = fault
    d.wire.tell()
    answers = []
    for node in list(d.wire._open):
        if coming and isinstance(coming[0], str):
            answers.append(d.wire.lose(node, is_written=coming.pop(0) == "lost after"))
        else:
            answers.append(d.wire.answer(node))
    d.turn(*answers, after_s=0.05)
