"""The direct publisher's thread: bounded, never stuck, it connects anew by itself."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from bus.errors import PublishTimeoutError, QueueFullError, RecordRefusedError
from bus.kafka.direct.publisher import DirectPublisher
from bus.kafka.outbox import OutboxLimits
from bus.records import Position, Record
from tests.support.clock import Clock
from tests.support.publishing import DELIVERY_TIMEOUT_S, PATIENCE_S, RECORD
from tests.unit.bus.kafka.direct.fakes import LiveWire

Make = Callable[..., DirectPublisher]


def pass_time(clock: Clock, future: "Future[Position]") -> None:
    """Let seconds pass, slowly enough for a thread to see each, until the future is resolved."""
    while not future.done():
        clock.tick()
        assert clock.now < 1000 + DELIVERY_TIMEOUT_S


async def test_many_at_once_go_in_far_fewer_requests(
    make_direct: Make, wires: list[LiveWire]
) -> None:
    publisher = make_direct()

    await asyncio.gather(*(publisher.publish(RECORD) for _ in range(500)))

    assert len(wires[0].sent) < 200
    assert len(wires[0].log["t", 0]) == 500


@pytest.mark.parametrize("limits", [OutboxLimits(records=2), OutboxLimits(bytes=6)])
def test_what_waits_is_bounded(
    make_direct: Make, wires: list[LiveWire], limits: OutboxLimits
) -> None:
    """One too many fails at once; answers make room."""
    wires[0].is_silent = True
    publisher = make_direct(limits)
    open_ones = [publisher.submit(RECORD), publisher.submit(RECORD)]
    if limits.bytes == 6:
        open_ones.append(publisher.submit(RECORD))

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)

    wires[0].is_silent = False
    assert all(isinstance(each.result(PATIENCE_S), Position) for each in open_ones)
    assert publisher.submit(RECORD).result(PATIENCE_S).partition == 0


def test_silent_brokers_show_and_are_connected_to_anew(
    make_direct: Make, wires: list[LiveWire], clock: Clock
) -> None:
    """What was in flight is sent again by the next connections."""
    old = wires[0]
    old.is_silent = True
    publisher = make_direct()
    future = publisher.submit(RECORD)
    assert old.got_one.wait(PATIENCE_S)
    while publisher._dispatcher.oldest_at is None:
        clock.tick()
    clock.now += 6
    assert "acknowledged nothing for 6 s" in str(publisher.healthy())

    pass_time(clock, future)

    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert old.is_closed
    assert publisher.healthy() is None


def test_an_unexpected_error_is_survived(
    make_direct: Make, wires: list[LiveWire], clock: Clock
) -> None:
    """By other connections; nothing is lost."""
    old, new = wires
    publisher = make_direct()
    publisher.submit(RECORD).result(PATIENCE_S)
    old.is_silent = True
    future = publisher.submit(RECORD)
    old.crash = ZeroDivisionError("a bug")
    pass_time(clock, future)

    assert old.is_closed
    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert new.sent


def test_a_key_that_is_no_key_is_refused(make_direct: Make) -> None:
    """And the next record goes through, by the same connections."""
    publisher = make_direct()
    publisher.submit(RECORD).result(PATIENCE_S)

    odd = publisher.submit(Record("t", "text", b"v"))  # type: ignore[arg-type] # at fault

    assert isinstance(odd.exception(PATIENCE_S), RecordRefusedError)
    assert isinstance(publisher.submit(RECORD).result(PATIENCE_S), Position)


async def test_a_caller_on_a_loop_hears_of_the_close(
    make_direct: Make, wires: list[LiveWire]
) -> None:
    wires[0].is_silent = True
    publisher = make_direct()
    task = asyncio.ensure_future(publisher.publish(RECORD))
    await asyncio.to_thread(wires[0].got_one.wait, PATIENCE_S)

    await asyncio.to_thread(publisher.close, 0.0)

    with pytest.raises(PublishTimeoutError):
        await task
