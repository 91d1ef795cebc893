"""All lanes, and which of them have something to send."""

from collections.abc import Iterator

from bus.kafka.direct.lane import Lane
from bus.kafka.outbox import Send
from bus.records import TopicPartition


class Lanes:
    """One lane a partition; those with something to send and nothing in flight are ready."""

    def __init__(self, batch_bytes: int) -> None:
        self._batch_bytes = batch_bytes
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._ready: dict[Lane, None] = {}  # the longest not served first

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    @property
    def ready(self) -> list[Lane]:
        """The lanes that have something to send, the longest not served first."""
        return list(self._ready)

    @property
    def is_any_ready(self) -> bool:
        """Whether one has something to send."""
        return bool(self._ready)

    def add(self, send: Send, partition: int) -> None:
        """Let a send wait in the lane of its partition."""
        topic = send.record.topic
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = Lane(TopicPartition(topic, partition), self._batch_bytes)
            self._lanes[topic, partition] = lane
        lane.waiting.append(send)
        if lane.in_flight is None:
            self._ready[lane] = None

    def note(self, lane: Lane) -> None:
        """Remember whether the lane has something to send."""
        if lane.waiting and lane.in_flight is None:
            self._ready[lane] = None
        else:
            self._ready.pop(lane, None)

    def empty(self, lane: Lane) -> list[Send]:
        """Return what waits in a lane, and keep it there no longer."""
        sends = list(lane.waiting)
        lane.waiting.clear()
        self.note(lane)
        return sends
