"""A step repeated in a thread until it is stopped."""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from bus.runtime.health import Check
from bus.runtime.masking import mask_url

log = structlog.get_logger()

Step = Callable[[Event], None]
"""One round of work; it looks at the event between two pieces, and ends early once it is set."""


class Loop:
    """
    Runs a step at once, then every `period_s` seconds and whenever it is woken.

    A step that raises is logged and run again: what it works on stays in the database.
    """

    def __init__(self, name: str, step: Step, period_s: float) -> None:
        self.name = name
        self._step = step
        self._period_s = period_s
        self._woken = Event()
        self._stopping = Event()
        self._problem: str | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Run the step now. Safe from any thread."""
        self._woken.set()

    def ask_to_stop(self) -> None:
        """Let the running step be the last. Safe from any thread."""
        self._stopping.set()
        self._woken.set()

    def join(self) -> None:
        """Return once the last step has ended."""
        self._thread.join()

    def state(self) -> Check:
        """Return what the last step failed with."""
        return Check(self._problem)

    def succeeded(self) -> None:
        """Forget the last failure: for a step that goes on for long, after each piece of it."""
        self._problem = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            self.run_step()
            self._woken.wait(self._period_s)

    def run_step(self) -> None:
        """Run the step once, in the caller's thread."""
        try:
            self._step(self._stopping)
        except Exception as error:  # noqa: BLE001 - the thread must outlive any step; it is logged
            self._failed(error)
        else:
            self.succeeded()

    def _failed(self, error: Exception) -> None:
        problem = f"{self.name}: {type(error).__name__}: {mask_url(_first_line(error))}"
        if problem != self._problem:  # once, not every period of an outage
            log.error("step_failed", loop=self.name, exc_info=error)
        self._problem = problem


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
