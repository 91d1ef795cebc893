"""One seat through the lives of its processes, which are played here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bus.runtime.cells import Cells
from inferbus.workers import staffing as module
from inferbus.workers.books import Books
from inferbus.workers.errors import WorkerFailedError
from inferbus.workers.roster import MAX_START_TRIES, Seat
from inferbus.workers.staffing import Staffing
from tests.support.spooling import settle

REPORT = {"is_ready": True, "checks": {"kafka": {"status": "ok", "reason": None}}}


class FakeChannel:
    """What the test lets the process say; None is its end."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    async def hear(self) -> dict[str, Any] | None:
        return await self.said.get()

    def close(self) -> None:
        self.said.put_nowait(None)


class FakeChild:
    """A process that ends when the test says so, or when it is killed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.channel = FakeChannel()
        self.cells = Cells.create()
        self.has_ended = False
        self._status = 0

    def say(self, **message: Any) -> None:
        self.channel.said.put_nowait(message)

    def end(self, status: int) -> None:
        if not self.has_ended:
            self.has_ended, self._status = True, status
            self.channel.said.put_nowait(None)

    def kill(self) -> None:
        self.end(-9)

    async def status(self) -> int:
        return self._status

    def close(self) -> None:
        self.channel.close()


class Stage:
    """A seat, the processes that were started for it, and a clock that stands still."""

    def __init__(self) -> None:
        self.children: list[FakeChild] = []
        self.refuses = 0
        self.seat = Seat(0)
        self.staffing = Staffing(self.seat, self._start, Books(), lambda: 0.0)
        self.running = asyncio.create_task(self.staffing.run())

    async def _start(self, number: int) -> Any:
        if self.refuses:
            self.refuses -= 1
            raise OSError(11, "Resource temporarily unavailable")
        self.children.append(FakeChild(100 + len(self.children)))
        return self.children[-1]

    async def child(self, number: int) -> FakeChild:
        """Return the process that was started as the number-th; waits are short here."""
        async with asyncio.timeout(20):
            while len(self.children) <= number:  # noqa: ASYNC110 - only turns of the loop pass
                await asyncio.sleep(0)
        return self.children[number]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(Seat, "ended", _at_once(Seat.ended))
    made = Stage()
    yield made
    made.staffing.stop()
    made.staffing.kill()
    await asyncio.wait([made.running])


def _at_once(ended: Any) -> Any:
    def at_once(seat: Seat, status: int, now: float) -> float:
        ended(seat, status, now)
        return now

    return at_once


async def test_a_process_that_ends_is_followed_by_another(stage: Stage) -> None:
    """Whatever ended it."""
    for number, status in enumerate((-9, 0, 1)):
        child = await stage.child(number)
        child.say(**REPORT)
        await settle()
        assert stage.seat.pid == child.pid
        child.end(status)
    assert (await stage.child(3)).pid == 103
    assert stage.staffing.first_start.done()


async def test_a_first_process_that_says_why_it_cannot_start_ends_the_service(
    stage: Stage,
) -> None:
    """Its line and its status are the service's."""
    child = await stage.child(0)
    child.say(failed="the spool cannot be used", status=1)
    child.end(1)

    with pytest.raises(WorkerFailedError, match="the spool cannot be used") as failure:
        await stage.staffing.first_start
    assert failure.value.status == 1
    await stage.running
    assert len(stage.children) == 1


async def test_a_first_process_that_is_killed_may_have_been_unlucky(stage: Stage) -> None:
    """One that is killed five times before it serves is not."""
    for number in range(MAX_START_TRIES):
        assert not stage.staffing.first_start.done()
        (await stage.child(number)).end(-9)

    with pytest.raises(WorkerFailedError, match="worker 0: SIGKILL ended it"):
        await stage.staffing.first_start


async def test_a_replacement_that_cannot_start_is_tried_again(stage: Stage) -> None:
    """The others serve meanwhile: a full disk may pass."""
    first = await stage.child(0)
    first.say(**REPORT)
    await settle()
    first.end(-9)
    stage.refuses = 1
    second = await stage.child(1)
    second.say(failed="the spool's disk refuses", status=1)
    second.end(1)

    third = await stage.child(2)
    third.say(**REPORT)
    await settle()

    assert stage.seat.obstacle(0.0) is None


async def test_a_process_that_says_nothing_for_long_is_killed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not come back by itself."""
    child = await stage.child(0)
    monkeypatch.setattr(module, "STUCK_AFTER_S", 0.0)
    child.say(**REPORT)

    await stage.child(1)

    assert child.has_ended


async def test_a_seat_that_is_stopped_is_filled_no_more(stage: Stage) -> None:
    """The process is told, and finishes."""
    child = await stage.child(0)
    child.say(**REPORT)
    await settle()

    stage.staffing.stop()
    assert child.channel.told == [{"stop": True}]
    child.end(0)
    await stage.running

    assert len(stage.children) == 1
    assert stage.staffing.last_status == 0


async def test_whoever_waits_for_counters_waits_for_no_dead_process(stage: Stage) -> None:
    """Its books are closed by then."""
    child = await stage.child(0)
    child.say(**REPORT)
    await settle()
    counting = asyncio.create_task(stage.staffing.count())
    await settle()
    assert {"metrics": True} in child.channel.told

    child.end(-9)

    await counting
