"""`up` with its embedded broker over many deliveries: nothing it holds grows with their number."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import create_engine, text

from tests.faults.draining import metric, spool_empty, wait_drained
from tests.faults.report import FULL, REPORT
from tests.faults.up_system import UpSystem, running_up

pytestmark = [
    pytest.mark.faults,
    pytest.mark.embedded,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not FULL, reason="a quarter of an hour of load: INFERBUS_TEST_FAULTS=full runs it"
    ),
]

DELIVERIES = 200_000
_RATE = 400.0
_SAMPLES = 20
_MIB = 1 << 20
# The broker is replaced beyond 128 MiB; it is looked at twice a second.
_BROKER_LIMIT = 160 * _MIB
_SPOOL_LIMIT = 64 * _MIB


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory and disk after so many deliveries, in bytes."""

    deliveries: int
    up: int
    broker: int
    spool: int
    brokers: int


def resident(pid: int) -> int:
    """Return a process' resident memory, 0 where it has just been replaced."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 if "VmRSS:" in status else 0


def body(number: int) -> bytes:
    """Return a succeeded job of a kilobyte and a half."""
    text_ = f"{number} " * 200
    return (
        f'{{"request_id":"G{number}","inference_status":{{"status":"succeeded","runtime_ms":12,'
        f'"cost":0.0001}},"results":[{{"generated_text":"{text_}"}}]}}'
    ).encode()


class Growth:
    """Sends at an even rate and takes samples on the way."""

    def __init__(self, system: UpSystem) -> None:
        self._system = system
        self._brokers: set[int] = set()
        self.samples: list[Sample] = []
        self.failed = 0

    async def send(self, deliveries: int) -> None:
        """Send so many distinct deliveries, 32 at once at most."""
        every = deliveries // _SAMPLES
        begun = time.monotonic()
        room = asyncio.Semaphore(32)
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for number in range(1, deliveries + 1):
                await room.acquire()
                tasks.create_task(self._send(session, number, room))
                await asyncio.sleep(max(0.0, begun + number / _RATE - time.monotonic()))
                if number % every == 0:
                    self.samples.append(await asyncio.to_thread(self.look, number))

    def look(self, deliveries: int) -> Sample:
        """Return what is held now."""
        broker = self._system.content["pids"]["broker"]
        self._brokers.add(broker)
        admin_url = self._system.service.admin_url
        return Sample(
            deliveries,
            up=resident(self._system.service.pid),
            broker=resident(broker),
            spool=int(metric(admin_url, "inferbus_spool_bytes") or 0),
            brokers=len(self._brokers),
        )

    async def _send(
        self, session: aiohttp.ClientSession, number: int, room: asyncio.Semaphore
    ) -> None:
        try:
            async with session.post(self._system.url, data=body(number)) as answer:
                self.failed += answer.status != 200
                await answer.read()
        finally:
            room.release()


def told(samples: list[Sample]) -> Iterator[str]:
    """Yield the figures, a line a sample."""
    for it in samples:
        yield (
            f"{it.deliveries:>7}: up {it.up / _MIB:.0f} MiB, broker {it.broker / _MIB:.0f} MiB"
            f" (number {it.brokers}), spool {it.spool / _MIB:.1f} MiB"
        )


def test_deliveries_leave_no_growth(tmp_path: Path) -> None:
    """Memory of the program and of its broker, and the spool's bytes, after 200,000."""
    with running_up(tmp_path, INFERBUS_LOG__LEVEL="warning") as system:
        growth = Growth(system)
        asyncio.run(growth.send(DELIVERIES))
        drained_s = wait_drained([spool_empty(system.service.admin_url)], 120)
        growth.samples.append(growth.look(DELIVERIES))
        stored = _stored(system)
    print("\n".join(told(growth.samples)))  # noqa: T201 - the figures are what it is run for
    settled = growth.samples[1].up
    last = growth.samples[-1]
    is_bounded = last.up < 1.2 * settled + 16 * _MIB
    REPORT.add(
        row="U3",
        what=f"{DELIVERIES} deliveries through `up` and its embedded broker",
        calls=DELIVERIES,
        acked=DELIVERIES - growth.failed,
        missing=DELIVERIES - stored,
        lag0_s=drained_s,
        rss=last.up / settled,
        verdict="holds" if stored == DELIVERIES and is_bounded else "FAILS",
    )

    assert growth.failed == 0
    assert stored == DELIVERIES
    assert is_bounded, f"{settled / _MIB:.0f} MiB have become {last.up / _MIB:.0f}"
    assert max(it.broker for it in growth.samples) < _BROKER_LIMIT
    assert last.spool < _SPOOL_LIMIT
    assert last.brokers > 1


def _stored(system: UpSystem) -> int:
    engine = create_engine(system.content["database_url"])
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())
