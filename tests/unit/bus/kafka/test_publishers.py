"""What both publishers do alike, on a thread of theirs that nothing stops."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from bus.errors import (
    BusClosedError,
    BusUnavailableError,
    PublishTimeoutError,
    RecordRefusedError,
)
from bus.limits import MAX_PUBLISH_BYTES
from bus.protocols import Publisher
from bus.records import Position, Record
from tests.support.clock import Clock
from tests.support.publishing import DELIVERY_TIMEOUT_S, PATIENCE_S, RECORD

Make = Callable[..., Publisher]
KINDS = {"client": ("make_client", "producers"), "direct": ("make_direct", "wires")}


class Fake(Protocol):
    """What stands for Kafka: a producer client, or a wire."""

    sent: list[Any]
    is_silent: bool
    is_closed: bool
    got_one: threading.Event


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(kind: str, request: pytest.FixtureRequest) -> Make:
    made: Make = request.getfixturevalue(KINDS[kind][0])
    return made


@pytest.fixture
def fakes(kind: str, request: pytest.FixtureRequest) -> Sequence[Fake]:
    """What connecting gives, one after the other."""
    given: Sequence[Fake] = request.getfixturevalue(KINDS[kind][1])
    return given


async def test_a_record_gets_its_position(make: Make) -> None:
    """Awaited or not."""
    publisher = make()

    assert await publisher.publish(RECORD) == Position("t", 0, 0)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 1)
    assert publisher.healthy() is None


def test_an_oversized_record_is_refused_before_it_is_queued(
    make: Make, fakes: Sequence[Fake]
) -> None:
    """Kafka never sees it."""
    large = Record("t", b"k", b"x" * MAX_PUBLISH_BYTES)

    assert isinstance(make().submit(large).exception(0), RecordRefusedError)
    assert not fakes[0].sent


def test_records_wait_for_a_connection(make: Make, fakes: Sequence[Fake], clock: Clock) -> None:
    """The publisher tries again by itself, and says why it cannot meanwhile."""
    way = threading.Event()

    def connect() -> Fake:
        if not way.is_set():
            raise BusUnavailableError("nobody listens")
        return fakes[0]

    publisher = make(connect=connect)
    future = publisher.submit(RECORD)
    while publisher.healthy() != "nobody listens":
        assert not future.done()
    way.set()
    clock.now += 10

    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert publisher.healthy() is None


@pytest.mark.parametrize(
    "error", [BusUnavailableError("nobody listens"), TypeError("no such option")], ids=type
)
def test_records_do_not_wait_for_ever(make: Make, clock: Clock, error: Exception) -> None:
    """After the delivery timeout whoever handed them over must know; no error ends the thread."""

    def connect() -> Fake:
        raise error

    publisher = make(connect=connect)
    future = publisher.submit(RECORD)
    while publisher.healthy() != str(error):
        assert not future.done()
    clock.now += DELIVERY_TIMEOUT_S + 1

    assert isinstance(future.exception(PATIENCE_S), PublishTimeoutError)


def test_close_answers_for_everything(make: Make, fakes: Sequence[Fake]) -> None:
    """What is not acknowledged by then fails as unknown; afterwards nothing is taken."""
    fakes[0].is_silent = True
    publisher = make()
    future = publisher.submit(RECORD)
    assert fakes[0].got_one.wait(PATIENCE_S)

    publisher.close(0)

    assert isinstance(future.exception(0), PublishTimeoutError)
    assert isinstance(publisher.submit(RECORD).exception(0), BusClosedError)
    assert publisher.healthy() == "the publisher is closed"
    # Not in the background: another broker may be at its address a moment later.
    assert fakes[0].is_closed


async def test_a_cancelled_caller_leaves_the_record_on_its_way(make: Make) -> None:
    """And its answer disturbs nobody."""
    publisher = make()
    task = asyncio.ensure_future(publisher.publish(RECORD))
    await asyncio.sleep(0)
    task.cancel()

    assert (await publisher.publish(RECORD)).offset == 1


async def test_many_at_once_from_loop_and_threads(make: Make) -> None:
    """Each gets a position of its own."""
    publisher = make()

    awaited = [publisher.publish(RECORD) for _ in range(500)]
    threads = [asyncio.to_thread(publisher.submit, RECORD) for _ in range(50)]
    positions = set(await asyncio.gather(*awaited))
    positions |= {f.result(PATIENCE_S) for f in await asyncio.gather(*threads)}

    assert len(positions) == 550
