"""When a producer has stopped answering for good."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchdog:
    """
    Tells a wedged producer from a slow one. Time is passed in, in seconds.

    A sound producer answers for every record within its delivery timeout, with an
    acknowledgement or an error; kafka-python has been seen to do neither.
    """

    delivery_timeout_s: float
    grace_s: float = 5.0

    def verdict(self, now: float, oldest_sent_at: float, succeeded_at: float) -> str | None:
        """
        Return why the producer must be replaced, None while it need not be.

        `oldest_sent_at` is the time of its oldest unanswered send, `succeeded_at` that of its
        last acknowledgement or of its start.
        """
        limit_s = self.delivery_timeout_s + self.grace_s
        if now - oldest_sent_at > limit_s:
            return f"a send has no answer after {now - oldest_sent_at:.0f} s"
        # Every record times out in turn: that is an outage, or a producer that misses its end.
        if now - succeeded_at > 2 * limit_s:
            return f"sends fail and none has succeeded for {now - succeeded_at:.0f} s"
        return None
