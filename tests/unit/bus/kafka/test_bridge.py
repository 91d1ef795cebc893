"""Outcomes reach their loop with as few wake-ups as possible."""

import asyncio
from collections.abc import Callable
from typing import cast

from bus.errors import PublishTimeoutError
from bus.kafka.bridge import LoopBridge
from bus.records import Position


def nobody() -> None:
    """There is no publisher to wake."""


class CountingLoop:
    """Takes callbacks and runs them when told."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)


async def test_many_outcomes_take_one_wake_up() -> None:
    """Until they were delivered; then the next one wakes the loop again."""
    loop = CountingLoop()
    bridge = LoopBridge(cast("asyncio.AbstractEventLoop", loop), nobody)
    waiters = [asyncio.get_running_loop().create_future() for _ in range(100)]

    for offset, waiter in enumerate(waiters):
        bridge.deliver(waiter, Position("t", 0, offset))

    assert len(loop.callbacks) == 1
    loop.callbacks.pop()()
    assert [waiter.result().offset for waiter in waiters] == list(range(100))
    bridge.deliver(asyncio.get_running_loop().create_future(), Position("t", 0, 100))
    assert len(loop.callbacks) == 1


async def test_errors_are_raised_and_the_cancelled_skipped() -> None:
    """One caller that went away must not cost the others their answers."""
    loop = CountingLoop()
    bridge = LoopBridge(cast("asyncio.AbstractEventLoop", loop), nobody)
    cancelled = asyncio.get_running_loop().create_future()
    failed = asyncio.get_running_loop().create_future()
    cancelled.cancel()

    bridge.deliver(cancelled, Position("t", 0, 0))
    bridge.deliver(failed, PublishTimeoutError("late"))
    loop.callbacks.pop()()

    assert isinstance(failed.exception(), PublishTimeoutError)


def test_a_closed_loop_is_nobodys_problem() -> None:
    """The process is ending; the client's thread must not see an error."""
    loop = asyncio.new_event_loop()
    waiter: asyncio.Future[Position] = loop.create_future()
    loop.close()

    LoopBridge(loop, nobody).deliver(waiter, Position("t", 0, 0))

    assert not waiter.done()
