"""The relay and the ingress' side of it, joined in memory: each entry is answered for."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bus.backoff import BackoffPolicy
from bus.errors import PublishTimeoutError, RecordRefusedError
from bus.kafka.outbox import OutboxLimits
from ingest.relay import handed
from ingest.relay.handed import HandedOver
from ingest.relay.relay import Relay
from ingest.relay.serving import Serving
from tests.support.spooling import ToldPublisher, record, settle

AT_ONCE = BackoffPolicy(0.0, 0.0)


def put_aside() -> float:
    """Return how many records Kafka was not asked to take, as the metrics tell."""
    labels = {"reason": "away"}
    return REGISTRY.get_sample_value("inferbus_publish_errors_total", labels) or 0.0


class Pipe(asyncio.WriteTransport):
    """One direction of a connection: what is written the other side receives a turn later."""

    def __init__(self, to: asyncio.Protocol) -> None:
        super().__init__()
        self.back: Pipe | None = None
        self._to = to
        self._is_open = True

    def write(self, data: Any) -> None:
        if self._is_open:
            asyncio.get_running_loop().call_soon(self._to.data_received, bytes(data))

    def abort(self) -> None:
        for pipe in (self, self.back):
            if pipe is not None and pipe._is_open:
                pipe._is_open = False
                asyncio.get_running_loop().call_soon(pipe._to.connection_lost, None)


class Process:
    """A relay's process, without the process."""

    def __init__(self, publisher: Any) -> None:
        self.serving = Serving(publisher)
        self.ended = asyncio.Event()
        self._pipe: Pipe | None = None

    async def connect(self, link: asyncio.Protocol) -> None:
        there, self._pipe = Pipe(self.serving), Pipe(link)
        there.back, self._pipe.back = self._pipe, there
        link.connection_made(there)
        self.serving.connection_made(self._pipe)

    def kill(self) -> None:
        if self._pipe is not None:
            self._pipe.abort()
        self.ended.set()

    async def kill_and_wait(self) -> int:
        self.kill()
        return 0

    async def status(self) -> int:
        if self.serving.has_ended:
            self.ended.set()
        await self.ended.wait()
        return 0


class Bench:
    """A relay, its processes one after the other, and what it tells of entries."""

    def __init__(self, tick_s: float = 60.0, restart: BackoffPolicy = AT_ONCE) -> None:
        self.publisher = ToldPublisher()
        self.processes: list[Process] = []
        self.done: list[int] = []
        self.refused: dict[int, str] = {}
        self.given_back: list[int] = []
        self.cannot_start = False
        self.now = 0.0
        self.relay = Relay(
            self._start, self, lambda: self.now, gather_s=0.0, tick_s=tick_s, restart=restart
        )

    async def _start(self) -> Process:
        if self.cannot_start:
            raise OSError("no more processes")
        self.processes.append(Process(self.publisher))
        return self.processes[-1]

    def relayed(self, entry_ids: Sequence[int]) -> None:
        self.done += entry_ids

    def relay_refused(self, entry_id: int, reason: str) -> None:
        self.refused[entry_id] = reason

    def not_relayed(self, entry_ids: Sequence[int]) -> None:
        self.given_back += entry_ids

    async def serves(self) -> None:
        """Return once a process has said that Kafka is there."""
        await settle()
        self.processes[-1].serving.turn.ask()
        await settle()
        assert self.relay.may_publish()

    async def publish(self, entry_ids: Iterable[int]) -> None:
        for entry_id in entry_ids:
            self.relay.publish(entry_id, record(entry_id))
        await settle()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    bench.relay.start()
    await bench.serves()
    yield bench
    await bench.relay.stop(0.0)


async def test_what_kafka_acknowledges_is_told_by_entry(bench: Bench) -> None:
    """All that has gathered goes over at once, and comes back at once."""
    await bench.publish([1, 2, 3])
    assert bench.publisher.sent == [record(1), record(2), record(3)]
    assert bench.done == []

    bench.publisher.answer()
    await settle()

    assert bench.done == [1, 2, 3]
    assert (bench.given_back, bench.refused) == ([], {})
    assert bench.relay.unanswered_s() == 0.0


async def test_what_kafka_refuses_for_good_is_told_with_the_reason(bench: Bench) -> None:
    bench.publisher.answers = RecordRefusedError("too large")

    await bench.publish([1])

    assert (bench.refused, bench.done, bench.given_back) == ({1: "too large"}, [], [])


async def test_what_is_not_acknowledged_in_time_is_given_back(bench: Bench) -> None:
    await bench.publish([1])
    bench.now = 30.0
    assert bench.relay.unanswered_s() == 30.0

    bench.publisher.answer(PublishTimeoutError("no answer"))
    await settle()

    assert (bench.given_back, bench.done) == ([1], [])
    assert bench.relay.unanswered_s() == 0.0


async def test_a_process_that_ends_gives_back_what_it_has_not_answered_for(bench: Bench) -> None:
    """Once: what was acknowledged before stays so. Another process follows."""
    await bench.publish([1])
    bench.publisher.answer()
    await settle()
    await bench.publish([2, 3])

    bench.processes[0].kill()
    await settle()

    assert (bench.done, bench.given_back) == ([1], [2, 3])
    assert not bench.relay.may_publish()
    assert len(bench.processes) == 2
    await bench.serves()
    bench.publisher.pending.clear()
    await bench.publish([4])
    bench.publisher.answer()
    await settle()
    assert (bench.done, bench.given_back) == ([1, 4], [2, 3])


async def test_what_is_handed_over_as_the_process_ends_is_given_back(bench: Bench) -> None:
    """The connection is gone, and it is not known yet."""
    bench.processes[0].kill()
    bench.relay.publish(1, record(1))
    await settle()

    assert bench.given_back == [1]


@pytest.mark.parametrize("has_reported", [True, False])
async def test_a_process_that_says_nothing_is_ended(*, has_reported: bool) -> None:
    """As one that was stopped: nobody would answer for what it was given."""
    bench = Bench(tick_s=0.0)
    bench.relay.start()
    await settle(2)
    if has_reported:
        bench.processes[0].serving.turn.ask()
    bench.relay.publish(1, record(1))

    await settle(1000)

    assert bench.given_back == [1]
    await bench.relay.stop(0.0)


async def test_nothing_is_handed_to_one_that_gets_nothing_through(bench: Bench) -> None:
    bench.publisher.why = "connection refused"
    bench.processes[0].serving.turn.ask()
    await settle()

    before = put_aside()
    assert not bench.relay.may_publish()
    assert bench.relay.kafka_problem == "connection refused"
    assert put_aside() == before + 1


async def test_where_none_can_be_started_everything_goes_another_way() -> None:
    bench = Bench()
    bench.cannot_start = True
    bench.relay.start()
    await settle()

    assert not bench.relay.may_publish()
    assert bench.relay.kafka_problem is None
    await bench.relay.stop(0.0)


async def test_a_connection_that_cannot_be_made_is_made_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Process, __: asyncio.Protocol) -> None:
        raise ValueError("no socket")

    with monkeypatch.context() as patched:
        patched.setattr(Process, "connect", fail)
        patched.setattr(Process, "status", Process.kill_and_wait)
        bench.processes[0].kill()
        await settle()
    await bench.serves()

    await bench.publish([1])
    bench.publisher.answer()
    await settle()
    assert bench.done == [1]


async def test_a_stop_does_not_wait_for_another_process() -> None:
    """One that cannot be started, and would be tried again in ten minutes."""
    bench = Bench(restart=BackoffPolicy(600.0, 600.0))
    bench.cannot_start = True
    bench.relay.start()
    await settle()

    stopping = asyncio.create_task(bench.relay.stop(600.0))
    await settle()

    assert stopping.done()


async def test_a_stop_waits_for_what_was_handed_over() -> None:
    bench = Bench()
    bench.relay.start()
    await bench.serves()
    await bench.publish([1])
    stopping = asyncio.create_task(bench.relay.stop(60.0))
    await settle()
    assert not stopping.done()

    bench.publisher.answer()
    await stopping

    assert (bench.done, bench.given_back) == ([1], [])


def test_it_is_full_by_number_or_by_bytes() -> None:
    few = HandedOver(max_records=2)
    few.add(1, record(1), 0.0)
    assert not few.is_full
    few.add(2, record(2), 0.0)
    assert few.is_full
    assert few.answered([1, 7], 3.0) == {record(1).topic: [3.0]}
    assert not few.is_full

    small = HandedOver(max_bytes=3)
    small.add(1, record(1, value=b"four"), 0.0)
    assert small.is_full
    assert small.take_all() == [1]
    assert not small.is_full


def test_a_publisher_takes_all_that_a_relay_may_hold() -> None:
    """Else what is handed over would come back at once."""
    limits = OutboxLimits()
    assert limits.records > handed.MAX_RECORDS
    assert limits.bytes > handed.MAX_BYTES
