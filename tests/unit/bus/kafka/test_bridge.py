"""Outcomes reach their loop with as few wake-ups as possible."""

import asyncio
from collections.abc import Callable
from typing import cast

from bus.errors import PublishTimeoutError
from bus.kafka.bridge import LoopBridge
from bus.protocols import Outcome
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
    """Until they were told; then the next one wakes the loop again."""
    loop = CountingLoop()
    bridge = LoopBridge(cast("asyncio.AbstractEventLoop", loop), nobody)
    outcomes: list[Outcome] = []

    for offset in range(100):
        bridge.deliver(outcomes.append, Position("t", 0, offset))

    assert len(loop.callbacks) == 1
    assert outcomes == []
    loop.callbacks.pop()()
    assert outcomes == [Position("t", 0, offset) for offset in range(100)]
    bridge.deliver(outcomes.append, Position("t", 0, 100))
    assert len(loop.callbacks) == 1


async def test_one_that_fails_to_take_its_outcome_costs_no_other_its_own() -> None:
    loop = CountingLoop()
    bridge = LoopBridge(cast("asyncio.AbstractEventLoop", loop), nobody)
    outcomes: list[Outcome] = []
    late = PublishTimeoutError("late")

    bridge.deliver(lambda _: 1 / 0, Position("t", 0, 0))
    bridge.deliver(outcomes.append, late)
    loop.callbacks.pop()()

    assert outcomes == [late]


def test_a_closed_loop_is_nobodys_problem() -> None:
    """The process is ending; the client's thread must not see an error."""
    loop = asyncio.new_event_loop()
    outcomes: list[Outcome] = []
    loop.close()

    LoopBridge(loop, nobody).deliver(outcomes.append, Position("t", 0, 0))

    assert outcomes == []
