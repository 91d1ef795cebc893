"""Records that wait too long, and those whose topic does not exist."""

from collections.abc import Callable, Iterable

from bus.errors import PublishTimeoutError, TopicMissingError
from bus.kafka.direct.lane import Lane
from bus.kafka.outbox import Send, Settled


class Overdue:
    """Settles what is past its delivery timeout."""

    def __init__(
        self, settle_all: Callable[[Iterable[Settled]], None], delivery_timeout_s: float
    ) -> None:
        self._settle_all = settle_all
        self._delivery_timeout_s = delivery_timeout_s

    def check_lane(self, lane: Lane, now: float) -> float | None:
        """Settle a lane's; return when the oldest of the others was handed over."""
        if not lane.waiting and lane.in_flight is None:
            return None
        sends = [*(lane.in_flight.sends if lane.in_flight else ()), *lane.waiting]
        if self.check(sends, now, lane.reason or "no answer yet"):
            lane.drop_answered()
        return min((s.handed_over_at for s in sends if not s.is_answered), default=None)

    def check(self, sends: Iterable[Send], now: float, reason: str) -> int:
        """Settle those of the sends that are overdue, with the reason; return how many."""
        too_old = now - self._delivery_timeout_s
        expired = [s for s in sends if s.handed_over_at <= too_old and not s.is_answered]
        waited = f"in {self._delivery_timeout_s:.0f} s: {reason}"
        what = "no acknowledgement for a record on"
        self._settle_all(
            [(s, PublishTimeoutError(f"{what} {s.record.topic} {waited}")) for s in expired]
        )
        return len(expired)

    def miss(self, topic: str, sends: Iterable[Send]) -> None:
        """Settle what cannot go: there is no such topic."""
        why = f"Kafka does not know topic {topic}: run `inferbus topics create`"
        kinds = ((s, PublishTimeoutError if s.may_be_written else TopicMissingError) for s in sends)
        self._settle_all([(send, kind(why)) for send, kind in kinds])
