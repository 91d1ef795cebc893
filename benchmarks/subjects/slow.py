"""Slow senders: connections that never finish, beside honest ones."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.rounds import interleaved
from benchmarks.servers.contender import Contender
from benchmarks.servers.start import ingress
from benchmarks.subjects.subject import Subject

CONNECTIONS = 8
RATE = 100.0
SLOW = 200
_ALONE = "the honest ones alone"
_BESIDE = "beside slow senders"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    with ingress(bench) as ours:
        ours.warm_up({"1 KB": 1}, CONNECTIONS)

        def measure(name: str) -> float:
            with slow_senders(ours, SLOW if name == _BESIDE else 0):
                return _honest_p99_ms(ours, 4 * bench.options.seconds)

        p99s = interleaved([_ALONE, _BESIDE], bench.options.rounds, measure, bench.say)
    case = f"1 KB, {RATE:.0f}/s, beside {SLOW} slow senders"
    return [compare(case, "p99", "ms", p99s[_BESIDE], p99s[_ALONE], against=_ALONE, aim="< 2")]


def _honest_p99_ms(ours: Contender, seconds: float) -> float:
    return ours.turn(ours.plan({"1 KB": 1}, CONNECTIONS, seconds, RATE)).load.p99_ms


@contextlib.contextmanager
def slow_senders(at: Contender, count: int) -> Iterator[None]:
    """Keep so many connections open that never finish a request."""
    ends = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_all_slow(at, count, ends)), name="slow")
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


async def _all_slow(at: Contender, count: int, ends: threading.Event) -> None:
    tasks = [asyncio.create_task(_stay_slow(at, number)) for number in range(count)]
    await asyncio.to_thread(ends.wait)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stay_slow(at: Contender, number: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            await _be_slow(at, number)


async def _be_slow(at: Contender, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.ports[0])
    closed = asyncio.create_task(reader.read())
    try:
        for piece in _trickle(at, number):
            writer.write(piece)
            await asyncio.wait([closed], timeout=0.5)
            if closed.done():
                return
    finally:
        closed.cancel()
        writer.close()


def _trickle(at: Contender, number: int) -> Iterator[bytes]:
    """Yield nothing but waiting, a head without end, or a body without end."""
    kind = number % 3
    head = f"POST {at.path} HTTP/1.1\r\nHost: slow\r\n".encode()
    if kind == 1:
        yield head + b"X: "
    if kind == 2:  # noqa: PLR2004 - the third kind
        yield head + b"Content-Length: 100000\r\n\r\n"
    while True:
        yield b"x" if kind else b""


SUBJECT = Subject(
    "slow",
    "What do slow senders cost honest ones?",
    "Honest deliveries at a steady rate, in rounds with and without 200 connections that never"
    " finish: silent ones, heads and bodies that trickle in, opened again as soon as the server"
    " closes them. In pairs of rounds.",
    run,
)
