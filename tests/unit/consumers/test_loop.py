"""Steps repeated in a thread."""

from threading import Event

from structlog.testing import capture_logs

from consumers.loop import Loop


def test_a_loop_runs_at_once_and_when_woken() -> None:
    """A new alert does not wait for the period."""
    runs: list[int] = []
    ran = Event()

    def step(_stop: Event) -> None:
        runs.append(1)
        ran.set()

    loop = Loop("tell", step, period_s=3600)
    loop.start()
    assert ran.wait(10)
    ran.clear()
    loop.wake()
    assert ran.wait(10)
    loop.ask_to_stop()
    loop.join()

    assert len(runs) == 2


def test_a_step_sees_the_stop() -> None:
    """A step that works through many pieces ends after the one in hand."""
    started, pieces = Event(), list[int]()

    def step(stop: Event) -> None:
        started.set()
        stop.wait(10)
        while not stop.is_set():
            pieces.append(1)

    loop = Loop("tell", step, period_s=3600)
    loop.start()
    assert started.wait(10)
    loop.ask_to_stop()
    loop.join()

    assert pieces == []


def test_a_failing_step_is_said_once_and_run_again() -> None:
    """The reason is in health until a step succeeds, and once in the log."""
    failures = [RuntimeError("the disk is full\nand more")] * 2

    def step(_stop: Event) -> None:
        if failures:
            raise failures.pop()

    loop = Loop("tell", step, period_s=3600)
    with capture_logs() as lines:
        loop.run_step()
        loop.run_step()
    reason = loop.state().reason
    loop.run_step()

    assert reason == "tell: RuntimeError: the disk is full"
    assert [line["event"] for line in lines] == ["step_failed"]
    assert loop.state().reason is None


def test_a_long_step_is_healthy_again_before_it_ends() -> None:
    """A backlog takes minutes: nobody is to hear of a locked database for all that time."""
    states: list[str | None] = []
    turns = iter((False, True))

    def step(_stop: Event) -> None:
        if not next(turns):
            raise RuntimeError("database is locked")
        states.append(loop.state().reason)
        loop.succeeded()
        states.append(loop.state().reason)

    loop = Loop("tell", step, period_s=3600)
    loop.run_step()
    loop.run_step()

    assert states == ["tell: RuntimeError: database is locked", None]
