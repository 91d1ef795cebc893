"""The direct publisher's thread: bounded, never stuck, it connects anew by itself."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from bus.errors import (
    BusClosedError,
    BusUnavailableError,
    PublishTimeoutError,
    QueueFullError,
    RecordRefusedError,
)
from bus.kafka.direct.publisher import DirectPublisher
from bus.kafka.direct.requests import Answer
from bus.kafka.direct.wire import Wire
from bus.kafka.outbox import OutboxLimits
from bus.limits import MAX_PUBLISH_BYTES
from bus.records import Position, Record
from tests.unit.bus.kafka.direct.fakes import FakeWire

PATIENCE_S = 10.0
DELIVERY_S = 30.0
RECORD = Record("t", b"k", b"v")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._was_read = threading.Event()

    def __call__(self) -> float:
        self._was_read.set()
        return self.now

    def tick(self) -> None:
        """Go on a little; return once the publisher's thread has looked, however slow it is."""
        self._was_read.clear()
        self.now += 0.05
        self._was_read.wait(PATIENCE_S)


class LiveWire(FakeWire):
    """Answers at once, unless it is told to be silent; `poll` sleeps until woken."""

    def __init__(self) -> None:
        super().__init__(t=[0])
        self.is_silent = False
        self.crash: BaseException | None = None
        self.got_one = threading.Event()
        self._woken = threading.Event()

    def poll(self, timeout_s: float) -> list[Answer]:
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        answers = [] if self.is_silent else super().poll(0)
        if not answers:
            self._woken.wait(min(timeout_s, 0.01))
            self._woken.clear()
        self.tell()
        return answers

    def send(self, node: int, batches: object) -> None:
        super().send(node, batches)  # type: ignore[arg-type] # passed on
        self.got_one.set()

    def tell(self) -> None:
        if self.leaders.by_topic.keys() != self.asked & self.cluster.keys():
            super().tell()

    def wake(self) -> None:
        self._woken.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wires() -> list[LiveWire]:
    """What connecting gives, one after the other."""
    return [LiveWire(), LiveWire()]


Make = Callable[..., DirectPublisher]


@pytest.fixture
def make(clock: Clock, wires: list[LiveWire], request: pytest.FixtureRequest) -> Make:
    """Make publishers that are closed at the end."""
    coming = iter(wires)

    def make(
        limits: OutboxLimits | None = None, connect: Callable[[], Wire] | None = None
    ) -> DirectPublisher:
        publisher = DirectPublisher(
            connect or (lambda: next(coming)), DELIVERY_S, 131_072, limits, clock
        )
        request.addfinalizer(lambda: publisher.close(0))
        return publisher

    return make


def pass_time(clock: Clock, future: "Future[Position]") -> None:
    """Let seconds pass, slowly enough for a thread to see each, until the future is resolved."""
    while not future.done():
        clock.tick()
        assert clock.now < 1000 + DELIVERY_S


async def test_a_record_gets_its_position(make: Make) -> None:
    """Awaited or not."""
    publisher = make()

    assert await publisher.publish(RECORD) == Position("t", 0, 0)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 1)
    assert publisher.healthy() is None


async def test_many_at_once_from_loop_and_threads(make: Make, wires: list[LiveWire]) -> None:
    """Each gets a position of its own, in far fewer requests."""
    publisher = make()
    await publisher.publish(RECORD)

    awaited = [publisher.publish(RECORD) for _ in range(500)]
    threads = [asyncio.to_thread(publisher.submit, RECORD) for _ in range(50)]
    positions = set(await asyncio.gather(*awaited))
    positions |= {f.result(PATIENCE_S) for f in await asyncio.gather(*threads)}

    assert len(positions) == 550
    assert len(wires[0].sent) < 200


def test_an_oversized_record_is_refused_before_it_is_queued(
    make: Make, wires: list[LiveWire]
) -> None:
    large = Record("t", b"k", b"x" * MAX_PUBLISH_BYTES)

    assert isinstance(make().submit(large).exception(0), RecordRefusedError)
    assert wires[0].sent == []


@pytest.mark.parametrize("limits", [OutboxLimits(records=2), OutboxLimits(bytes=6)])
def test_what_waits_is_bounded(make: Make, wires: list[LiveWire], limits: OutboxLimits) -> None:
    """One too many fails at once; answers make room."""
    wires[0].is_silent = True
    publisher = make(limits)
    open_ones = [publisher.submit(RECORD), publisher.submit(RECORD)]
    if limits.bytes == 6:
        open_ones.append(publisher.submit(RECORD))

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)

    wires[0].is_silent = False
    assert all(isinstance(each.result(PATIENCE_S), Position) for each in open_ones)
    assert publisher.submit(RECORD).result(PATIENCE_S).partition == 0


def test_records_wait_for_a_connection(make: Make, clock: Clock) -> None:
    """The publisher tries again by itself, and says why it cannot meanwhile."""
    wire, tried, way = LiveWire(), threading.Event(), threading.Event()

    def connect() -> Wire:
        tried.set()
        if not way.is_set():
            raise BusUnavailableError("nobody listens")
        return wire

    publisher = make(connect=connect)
    future = publisher.submit(RECORD)
    assert tried.wait(PATIENCE_S)
    while publisher.healthy() != "nobody listens":
        assert not future.done()
    way.set()
    clock.now += 2

    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert publisher.healthy() is None


def test_records_do_not_wait_for_ever(make: Make, clock: Clock) -> None:
    """After the delivery timeout whoever handed them over must know, with a wire or without."""

    def connect() -> Wire:
        raise TypeError("no such option")

    publisher = make(connect=connect)
    future = publisher.submit(RECORD)
    while publisher.healthy() != "no such option":
        assert not future.done()
    clock.now += DELIVERY_S + 1

    assert isinstance(future.exception(PATIENCE_S), PublishTimeoutError)


def test_silent_brokers_show_and_are_connected_to_anew(
    make: Make, wires: list[LiveWire], clock: Clock
) -> None:
    """What was in flight is sent again by the next connections."""
    old = wires[0]
    old.is_silent = True
    publisher = make()
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


def test_an_unexpected_error_is_survived(make: Make, wires: list[LiveWire], clock: Clock) -> None:
    """By other connections; nothing is lost."""
    old, new = wires
    publisher = make()
    publisher.submit(RECORD).result(PATIENCE_S)
    old.is_silent = True
    future = publisher.submit(RECORD)
    old.crash = ZeroDivisionError("a bug")
    pass_time(clock, future)

    assert old.is_closed
    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert new.sent


def test_a_key_that_is_no_key_is_refused(make: Make) -> None:
    """And the next record goes through, by the same connections."""
    publisher = make()
    publisher.submit(RECORD).result(PATIENCE_S)

    odd = publisher.submit(Record("t", "text", b"v"))  # type: ignore[arg-type] # at fault

    assert isinstance(odd.exception(PATIENCE_S), RecordRefusedError)
    assert isinstance(publisher.submit(RECORD).result(PATIENCE_S), Position)


def test_close_answers_for_everything(make: Make, wires: list[LiveWire]) -> None:
    """What is not acknowledged by then fails as unknown; afterwards nothing is taken."""
    wires[0].is_silent = True
    publisher = make()
    future = publisher.submit(RECORD)
    assert wires[0].got_one.wait(PATIENCE_S)

    publisher.close(0)

    assert isinstance(future.exception(0), PublishTimeoutError)
    assert isinstance(publisher.submit(RECORD).exception(0), BusClosedError)
    assert publisher.healthy() == "the publisher is closed"
    assert wires[0].is_closed


async def test_a_caller_on_a_loop_hears_of_the_close(make: Make, wires: list[LiveWire]) -> None:
    wires[0].is_silent = True
    publisher = make()
    task = asyncio.ensure_future(publisher.publish(RECORD))
    await asyncio.to_thread(wires[0].got_one.wait, PATIENCE_S)

    await asyncio.to_thread(publisher.close, 0.0)

    with pytest.raises(PublishTimeoutError):
        await task


async def test_a_cancelled_caller_leaves_the_record_on_its_way(
    make: Make, wires: list[LiveWire]
) -> None:
    """And its answer disturbs nobody."""
    publisher = make()
    task = asyncio.ensure_future(publisher.publish(RECORD))
    await asyncio.sleep(0)
    task.cancel()

    assert (await publisher.publish(RECORD)).offset == 1
    assert wires[0].log["t", 0] == [b"v", b"v"]
