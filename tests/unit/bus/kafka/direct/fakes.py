"""Brokers without a socket: they keep what they are sent and answer as a test says."""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from kafka.record.memory_records import MemoryRecords

from bus.errors import BusUnavailableError, RecordRefusedError
from bus.kafka.direct.lane import Batch
from bus.kafka.direct.leaders import Leaders, leaders_of
from bus.kafka.direct.requests import Answer, Said

Place = tuple[str, int]
OK = 0


def values_of(data: bytes) -> list[bytes]:
    """Return the values in a batch's bytes."""
    found = MemoryRecords(data)
    batch = found.next_batch()
    return [record.value for record in batch]


class FakeWire:
    """A cluster that is told its topics; each request is answered when the test says so."""

    def __init__(self, **topics: Sequence[int]) -> None:
        self.cluster: dict[str, dict[int, int]] = {
            name: dict(enumerate(leaders)) for name, leaders in topics.items()
        }
        self.denied: frozenset[str] = frozenset()
        self.leaders = Leaders()
        self.is_connected = True
        self.broken: str | None = None
        self.asked: set[str] = set()
        self.asks = 0
        self.forgotten: list[str] = []
        self.not_ready: set[int] = set()
        self.sent: list[tuple[int, dict[Place, list[bytes]]]] = []
        self.log: dict[Place, list[bytes]] = defaultdict(list)
        self.fault: Callable[[Place, list[bytes]], int] = lambda _place, _values: OK
        self.is_closed = False
        self._open: dict[int, dict[Place, list[bytes]]] = {}

    def ask(self, topic: str | None = None) -> None:
        if topic is not None:
            if "/" in topic:
                raise RecordRefusedError(f"no name: {topic}")
            self.asked.add(topic)
        self.asks += 1

    def forget(self, topic: str) -> None:
        self.forgotten.append(topic)
        self.asked.discard(topic)

    def is_ready(self, node: int) -> bool:
        if self.broken is not None:
            raise BusUnavailableError(self.broken)
        return node not in self.not_ready

    def send(self, node: int, batches: Sequence[Batch]) -> None:
        assert node not in self._open, f"broker {node} has a request in flight"
        request = {(b.lane.at.topic, b.lane.at.partition): values_of(b.data) for b in batches}
        assert len(request) == len(batches), "two batches for one partition"
        self.sent.append((node, request))
        self._open[node] = request

    def poll(self, timeout_s: float) -> list[Answer]:
        return [self.answer(node) for node in list(self._open)]

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    # What a test does

    def tell(self) -> None:
        """Let the cluster tell the leaders of what was asked for."""
        known = {name: found for name, found in self.cluster.items() if name in self.asked}
        self.leaders = leaders_of(known, self.denied)

    def answer(self, node: int = 0) -> Answer:
        """Answer a request: written, but where `fault` gives an error code."""
        said: dict[Place, Said] = {}
        for place, values in self._open.pop(node).items():
            code = self.fault(place, values)
            said[place] = Said(code, len(self.log[place]) if code == OK else -1)
            if code == OK:
                self.log[place] += values
        return Answer(node, said)

    def lose(self, node: int = 0, *, is_written: bool = False) -> Answer:
        """Lose the connection, before or after the broker wrote."""
        for place, values in self._open.pop(node).items():
            if is_written:
                self.log[place] += values
        return Answer(node, None, "connection lost")


class LiveWire(FakeWire):
    """Answers at once, unless it is told to be silent; `poll` sleeps until woken."""

    def __init__(self) -> None:
        super().__init__(t=[0])
        self.is_silent = False
        self.crash: BaseException | None = None
        self.got_one = threading.Event()
        self._woken = threading.Event()

    def poll(self, timeout_s: float) -> list[Answer]:
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        answers = [] if self.is_silent else super().poll(0)
        if not answers:
            self._woken.wait(min(timeout_s, 0.01))
            self._woken.clear()
        self.tell()
        return answers

    def send(self, node: int, batches: Sequence[Batch]) -> None:
        super().send(node, batches)
        self.got_one.set()

    def tell(self) -> None:
        if self.leaders.by_topic.keys() != self.asked & self.cluster.keys():
            super().tell()

    def wake(self) -> None:
        self._woken.set()
