"""When to suspect that a consumer has stalled, and what to try then."""

_MOST_DOUBLINGS = 3


class StallGuard:
    """
    Counts the time since something moved. Time is passed in, in seconds.

    First subscribing anew is tried, which revives the client from its known stall; if the
    next check finds it stalled still, the client is to be built anew. One look proves
    nothing: records that came since the last poll are behind without any stall.

    Each remedy that did not help doubles the time to the next. What looks like a stall may be
    a join that waits for dead members, and who leaves it is one more of them: the broker reads
    no LeaveGroup behind a JoinGroup that it has not answered. Remedies as often as sessions
    expire would keep a group from ever joining.
    """

    def __init__(self, check_after_s: float) -> None:
        self._check_after_s = check_after_s
        self._checked_at = 0.0
        self._stalls = 0
        self._is_suspected = False

    def moved(self, now: float) -> None:
        """Take note that records came or that there were none to come."""
        self._checked_at = now
        self._stalls = 0
        self._is_suspected = False

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to check."""
        patience_s = self._check_after_s * (1 << min(self._stalls, _MOST_DOUBLINGS))
        return now - self._checked_at >= patience_s

    def is_confirmed(self) -> bool:
        """Take note that a check found us behind; return whether the one before did so too."""
        was_suspected, self._is_suspected = self._is_suspected, True
        return was_suspected

    def stalled(self, now: float) -> bool:
        """Take note of a stall; return whether the milder remedy has failed already."""
        self._checked_at = now
        self._is_suspected = False
        self._stalls += 1
        return self._stalls % 2 == 0
