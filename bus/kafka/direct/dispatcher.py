"""What goes to which broker next, and what becomes of the answers."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bus.errors import RecordRefusedError
from bus.kafka.direct.batch import encode_batch, encode_record
from bus.kafka.direct.judge import Judge
from bus.kafka.direct.lane import Batch, Lane
from bus.kafka.direct.lanes import Lanes
from bus.kafka.direct.leaders import NOBODY
from bus.kafka.direct.overdue import Overdue
from bus.kafka.direct.places import BROKEN, Places
from bus.kafka.direct.requests import Answer, Said
from bus.kafka.direct.verdicts import Verdict
from bus.kafka.direct.wire import Wire
from bus.kafka.outbox import Send, Settled
from bus.protocols import Outcome

# What one request holds, Kafka's own default; a single larger batch goes alone.
_REQUEST_BYTES = 1_048_576
_CHECK_S = 0.25
# How soon to look again while records wait for a pause to end or a connection to open.
_SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a record may take, and how long a broker may be silent, in seconds."""

    delivery_s: float
    silence_s: float = 15.0


class Dispatcher:
    """
    One request in flight per broker and one batch per partition; the rest gathers meanwhile.

    Every send is settled once: by what the broker said, or at its delivery timeout. Used from
    one thread; time is passed in.
    """

    def __init__(
        self,
        settle_all: Callable[[Iterable[Settled]], None],
        patience: Patience,
        batch_bytes: int,
    ) -> None:
        self._settle_all = settle_all
        self._silence_s = patience.silence_s
        self._judge = Judge(settle_all)
        self._overdue = Overdue(settle_all, patience.delivery_s)
        self._lanes = Lanes(batch_bytes)
        self._places = Places(self._lanes, self._overdue, settle_all)
        self._flights: dict[int, list[Batch]] = {}
        self._next_check_at = 0.0
        self._heard_at = 0.0
        self.oldest_at: float | None = None
        """When the oldest record not answered for was handed over, as of the last look."""

    @property
    def is_busy(self) -> bool:
        """Whether every broker that leads has a request in flight: nothing could be sent now."""
        nodes = self._places.nodes
        return bool(nodes) and nodes <= self._flights.keys()

    def idle_s(self) -> float:
        """Return how long nothing is to be done unless something comes."""
        return _SOON_S if self._lanes.is_any_ready and not self.is_busy else _CHECK_S

    def begin_anew(self, wire: Wire, now: float) -> None:
        """Go on by another wire; what was in flight on the old one may have been written."""
        for node in list(self._flights):
            self._answered(wire, Answer(node, None, "the connections were replaced"), now)
        self._places.begin_anew(wire)
        self._heard_at = now

    def turn(
        self, wire: Wire, sends: Iterable[Send], answers: Iterable[Answer], now: float
    ) -> None:
        """Settle what was answered, place what came, send what can go."""
        self._places.take(sends)  # before anything that may raise
        self._places.told(wire, now)
        for answer in answers:
            self._answered(wire, answer, now)
        self._places.place_all(wire)
        if now >= self._next_check_at:
            self._check(wire, now)
        if self._lanes.is_any_ready and not self.is_busy:
            self._send(wire, now)

    def stuck(self, now: float) -> str | None:
        """Return why these connections are of no more use, None while they are."""
        if self.oldest_at is None:
            self._heard_at = now
        silent_s = now - self._heard_at
        return f"no broker has answered for {silent_s:.0f} s" if self._is_stuck(silent_s) else None

    def _is_stuck(self, silent_s: float) -> bool:
        return silent_s > self._silence_s

    # What goes

    def _send(self, wire: Wire, now: float) -> None:
        loads: dict[int, list[Batch]] = {}
        room: dict[int, int] = dict.fromkeys(self._flights, 0)
        for lane in self._lanes.ready:
            node = self._node_of(wire, lane, now)
            if node is None:
                continue
            if node not in room:
                room[node] = _REQUEST_BYTES if wire.is_ready(node) else 0
            if room[node] > 0 and (batch := self._next_batch(lane)) is not None:
                room[node] -= len(batch.data)
                loads.setdefault(node, []).append(batch)
        for node, batches in loads.items():
            self._flights[node] = batches
            wire.send(node, batches)

    def _node_of(self, wire: Wire, lane: Lane, now: float) -> int | None:
        """Return where a lane's next batch may go now, None where nowhere."""
        node = self._places.leaders.leader(lane.at.topic, lane.at.partition)
        if node is None:
            self._places.displace(wire, lane)
        elif now < lane.not_before:
            return None
        elif node == NOBODY:
            lane.pause(now, "the partition has no leader")
            wire.ask()
            return None
        return node

    def _next_batch(self, lane: Lane) -> Batch | None:
        batch = lane.take()
        try:
            records = [send.record for send in batch.sends]
            batch.data = encode_batch(records, time.time_ns() // 1_000_000)
        except BROKEN:
            self._refuse_broken(batch)
            return None
        lane.in_flight = batch
        self._lanes.note(lane)
        return batch

    def _refuse_broken(self, batch: Batch) -> None:
        """Refuse those that are no records; the others go with the next batch."""
        sound: list[Send] = []
        for send in batch.sends:
            try:
                encode_record(send.record, 0)
            except BROKEN as error:
                why = f"no record for {send.record.topic}: {error}"
                self._settle(send, RecordRefusedError(why))
            else:
                sound.append(send)
        batch.lane.give_back(sound)
        self._lanes.note(batch.lane)

    # What was answered

    def _answered(self, wire: Wire, answer: Answer, now: float) -> None:
        batches = self._flights.pop(answer.node, ())
        if answer.said is not None:
            self._heard_at = now
        try:
            for batch in batches:
                self._landed(wire, batch, answer, now)
        finally:
            self._judge.settle()

    def _landed(self, wire: Wire, batch: Batch, answer: Answer, now: float) -> None:
        lane = batch.lane
        lane.in_flight = None
        said = (answer.said or {}).get((lane.at.topic, lane.at.partition))
        if said is None:
            self._judge.unanswered(batch, now, answer.reason or "no word of it")
            wire.ask()
        else:
            self._deal_with(wire, batch, said, now)
        self._lanes.note(lane)

    def _deal_with(self, wire: Wire, batch: Batch, said: Said, now: float) -> None:
        verdict = self._judge.judge(batch, said, now)
        if verdict is Verdict.WRITTEN:
            self.oldest_at = None  # no silence any more; the next look may find another one
        elif verdict is Verdict.ELSEWHERE:
            wire.ask()

    def _settle(self, send: Send, outcome: Outcome) -> None:
        self._settle_all(((send, outcome),))

    # What waits too long

    def _check(self, wire: Wire, now: float) -> None:
        self._next_check_at = now + _CHECK_S
        oldest = [self._check_lane(lane, now) for lane in self._lanes]
        oldest += self._places.check(wire, now)
        self.oldest_at = min((at for at in oldest if at is not None), default=None)

    def _check_lane(self, lane: Lane, now: float) -> float | None:
        oldest_at = self._overdue.check_lane(lane, now)
        self._lanes.note(lane)
        return oldest_at
