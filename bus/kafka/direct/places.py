"""Where records go: into the lane of their partition, once the cluster has told of their topic."""

from collections import deque
from collections.abc import Callable, Iterable

from bus.errors import PublishError, RecordRefusedError
from bus.kafka.direct.lane import Lane
from bus.kafka.direct.lanes import Lanes
from bus.kafka.direct.leaders import Leaders
from bus.kafka.direct.overdue import Overdue
from bus.kafka.direct.topicless import Topicless
from bus.kafka.direct.wire import Wire
from bus.kafka.outbox import Send, Settled
from bus.kafka.preflight.access import right_missing
from bus.kafka.preflight.rights import Right
from bus.partitioner import Partitioner
from bus.protocols import Outcome

BROKEN = (TypeError, ValueError, AttributeError)
"""What a record raises that holds something other than text and bytes."""


class Places:
    """Puts sends into lanes by what the cluster told last. Used from one thread."""

    def __init__(
        self, lanes: Lanes, overdue: Overdue, settle_all: Callable[[Iterable[Settled]], None]
    ) -> None:
        self._lanes = lanes
        self._overdue = overdue
        self._settle_all = settle_all
        self._partitioner = Partitioner()
        self._topicless = Topicless()
        self._denied: set[str] = set()  # that records came for, and whose rights may be given yet
        self._incoming: deque[Send] = deque()
        self.leaders = Leaders()
        self.nodes: frozenset[int] = frozenset()
        """The brokers that lead anything; none before a wire has told."""

    def begin_anew(self, wire: Wire) -> None:
        """Ask another wire for what is waited for."""
        self.leaders, self.nodes = wire.leaders, frozenset()
        for topic in self._topicless.begin_anew():
            self._ask(wire, topic)

    def told(self, wire: Wire, now: float) -> None:
        """Take the leaders that the cluster has told, if they are news."""
        if wire.leaders is self.leaders:
            return
        before, self.leaders = self.leaders, wire.leaders
        self.nodes = self.leaders.nodes
        for topic in before.by_topic.keys() - self.leaders.by_topic.keys():
            if topic not in self._topicless:
                wire.forget(topic)
        for topic in self.leaders.denied:
            wire.forget(topic)
        for send in self._topicless.told(self.leaders, now):
            self._place(wire, send)
        if self._topicless:
            # An answer that was on its way when we asked makes kafka-python forget that we did.
            wire.ask()

    def take(self, sends: Iterable[Send]) -> None:
        """Hold sends until they are placed: whatever is raised meanwhile, none gets lost."""
        self._incoming += sends

    def place_all(self, wire: Wire) -> None:
        """Place what was taken, or let it wait for its topic."""
        while self._incoming:
            self._take_in(wire, self._incoming.popleft())

    def displace(self, wire: Wire, lane: Lane) -> None:
        """Place a lane's sends anew: its partition is gone."""
        if self._topicless.add_before(lane.at.topic, self._lanes.empty(lane)):
            self._ask(wire, lane.at.topic)

    def check(self, wire: Wire, now: float) -> list[float]:
        """Settle what waits too long for its topic; return when the others were handed over."""
        while self._denied:
            self._ask(wire, self._denied.pop())
        for topic in self._topicless.missing(now):
            wire.forget(topic)
            self._overdue.miss(topic, self._topicless.pop(topic))
        self._overdue.check(self._topicless.sends(), now, "its topic is not known yet")
        self._topicless.drop_answered()
        return [send.handed_over_at for send in self._topicless.sends()]

    def _take_in(self, wire: Wire, send: Send) -> None:
        try:
            self._place(wire, send)
        except BROKEN as error:
            self._settle(send, RecordRefusedError(f"no record for {send.record.topic}: {error}"))
        except BaseException as error:
            self._settle(send, PublishError(f"not sent: {error}"))
            raise

    def _place(self, wire: Wire, send: Send) -> None:
        partitions = self.leaders.partitions(send.record.topic)
        if partitions is None:
            self._wait_for_topic(wire, send)
        else:
            self._lanes.add(send, self._partitioner.choose(send.record.key, partitions))

    def _wait_for_topic(self, wire: Wire, send: Send) -> None:
        topic = send.record.topic
        if topic in self.leaders.denied:
            self._denied.add(topic)
            self._settle(send, PublishError(right_missing(Right("topic", topic, "WRITE")).message))
        elif self._topicless.add(send):
            self._ask(wire, topic)

    def _ask(self, wire: Wire, topic: str) -> None:
        try:
            wire.ask(topic)
        except RecordRefusedError as error:  # no name for a topic
            self._settle_all([(send, error) for send in self._topicless.pop(topic)])

    def _settle(self, send: Send, outcome: Outcome) -> None:
        self._settle_all(((send, outcome),))
