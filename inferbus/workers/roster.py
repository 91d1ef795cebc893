"""Who of the workers serves, why the others do not, and when they are started again."""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bus.backoff import Backoff, BackoffPolicy

Answers = Mapping[str, Mapping[str, str | None]]

# A worker reports twice a second; one that is silent for longer is stuck or frozen.
SILENT_AFTER_S = 3.0
# One that has served for so long has started well, whatever ended it.
STEADY_AFTER_S = 30.0
MAX_START_TRIES = 5
_AGAIN = BackoffPolicy(first_s=0.1, longest_s=10.0)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says of itself: whether it is ready, and each check's answer."""

    is_ready: bool
    checks: Answers


@dataclass(slots=True)
class Seat:
    """The place of one worker, whichever process fills it."""

    number: int
    pid: int | None = None
    report: Report | None = None
    has_started: bool = False
    """Whether a process ever got through its start here."""
    why_not: str = "it starts"
    failed_starts: int = 0
    _reported_at: float = 0.0
    _started_at: float | None = None
    _backoff: Backoff = field(default_factory=lambda: Backoff(_AGAIN))

    def started(self, pid: int) -> None:
        """A process was started for it."""
        self.pid = pid
        self.why_not = "it starts"

    def reported(self, report: Report, now: float) -> None:
        """The process has told how it is, which it does once it has started."""
        self.report = report
        self._reported_at = now
        self.has_started = True
        if self._started_at is None:
            self._started_at = now
            self.failed_starts = 0

    def ended(self, status: int, now: float) -> float:
        """The process has ended; return the time of its replacement's start."""
        started_at, self._started_at = self._started_at, None
        self.pid = self.report = None
        self.why_not = _ending(status)
        if started_at is None:
            self.failed_starts += 1
        elif status == 0 or now - started_at > STEADY_AFTER_S:
            self._backoff.succeeded()
        return self._backoff.failed(now)

    @property
    def is_hopeless(self) -> bool:
        """Whether no process ever got through its start here, try after try."""
        return not self.has_started and self.failed_starts >= MAX_START_TRIES

    def obstacle(self, now: float) -> str | None:
        """Return why it does not serve, None while it does."""
        if self.report is None:
            return self.why_not
        if now - self._reported_at > SILENT_AFTER_S:
            return f"it has been silent for {now - self._reported_at:.0f} s"
        failing = [name for name, said in self.report.checks.items() if said["status"] == "failing"]
        return None if self.report.is_ready else f"unready: {', '.join(failing)}"


class Roster:
    """
    All seats, and readiness over all of them; it is a `Reports` for the admin port.

    Ready is a service of which one worker is. A check fails where it fails everywhere, and is
    degraded where it fails or is degraded somewhere; its reason names the workers.
    """

    def __init__(self, workers: int, clock: Callable[[], float]) -> None:
        self.seats = [Seat(number) for number in range(workers)]
        self._clock = clock
        self.is_stopping = False

    @property
    def serving(self) -> int:
        """How many serve now."""
        now = self._clock()
        return sum(seat.obstacle(now) is None for seat in self.seats)

    def report(self) -> tuple[bool, dict[str, dict[str, str | int | None]]]:
        """Return whether the service is ready, and each check's status and reason."""
        is_ready = self.serving > 0 and not self.is_stopping
        return is_ready, dict(self._checks(is_ready=is_ready))

    def _checks(self, *, is_ready: bool) -> Iterator[tuple[str, dict[str, str | int | None]]]:
        for name in dict.fromkeys(name for answers in self._answers().values() for name in answers):
            yield name, dict(self._combined(name))
        now = self._clock()
        for seat in self.seats:
            reason = "stopping" if self.is_stopping else seat.obstacle(now)
            bad = "degraded" if is_ready else "failing"
            status = "ok" if reason is None else bad
            yield f"worker {seat.number}", {"status": status, "reason": reason, "pid": seat.pid}

    def _answers(self) -> dict[int, Answers]:
        return {seat.number: seat.report.checks for seat in self.seats if seat.report is not None}

    def _combined(self, name: str) -> Mapping[str, str | None]:
        answers = {worker: said[name] for worker, said in self._answers().items() if name in said}
        statuses = {said["status"] for said in answers.values()}
        status = statuses.pop() if len(statuses) == 1 else "degraded"
        workers: dict[str, list[int]] = {}
        for worker, said in answers.items():
            if said["reason"] is not None:
                workers.setdefault(said["reason"], []).append(worker)
        reasons = [f"{_named(who)}: {reason}" for reason, who in workers.items()]
        return {"status": status, "reason": "; ".join(reasons) or None}


def ended_by(status: int) -> str:
    """Name what ended a process: `exit`, or the signal's name."""
    if status >= 0:
        return "exit"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _ending(status: int) -> str:
    how = f"it ended with status {status}" if status >= 0 else f"{ended_by(status)} ended it"
    return f"{how}, it is started again"


def _named(workers: list[int]) -> str:
    return f"worker{'s' if len(workers) > 1 else ''} {', '.join(map(str, workers))}"
