"""
What slow senders cost honest ones: `python -m benchmarks.slow`.

Honest deliveries at a steady rate over a few kept connections, in rounds with and without 200
connections that never finish: silent ones, heads and bodies that trickle in, opened again as
soon as the server closes them. The figure is the p99 of the honest ones, in pairs of rounds.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator

from benchmarks.__main__ import Server, machine, started
from benchmarks.bodies import bodies, request
from benchmarks.load import read_answer

_CONNECTIONS = 8


def main() -> None:
    """Measure the pairs, print JSON; exits 1 where the median ratio is 2 or more."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0, help="per round")
    parser.add_argument("--rate", type=float, default=100.0, help="honest deliveries a second")
    parser.add_argument("--slow", type=int, default=200)
    options = parser.parse_args()
    with started(["memory"]) as servers:
        pairs = asyncio.run(measure(servers["memory"], options))
    ratios = [with_slow / base for base, with_slow in pairs]
    results = {
        "base_p99_ms": [round(base * 1000, 2) for base, _ in pairs],
        "slow_p99_ms": [round(slow * 1000, 2) for _, slow in pairs],
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_max": round(max(ratios), 3),
    }
    print(json.dumps({**machine(), "options": vars(options), "results": results}))
    sys.exit(statistics.median(ratios) >= 2)  # noqa: PLR2004 - what is promised


async def measure(server: Server, options: argparse.Namespace) -> list[tuple[float, float]]:
    """Return the p99 without and with slow senders, in seconds, for each pair of rounds."""
    pairs = []
    await honest(server, options.rate, 2.0)
    for number in range(options.pairs):
        base = await honest(server, options.rate, options.seconds)
        async with slow_senders(server, options.slow):
            with_slow = await honest(server, options.rate, options.seconds)
        pairs.append((base, with_slow))
        print(f"pair {number + 1} of {options.pairs}", file=sys.stderr, flush=True)
    return pairs


async def honest(server: Server, rate: float, seconds: float) -> float:
    """Deliver at a steady rate; return the p99 from the planned moment to the answer."""
    source, times = bodies(), list[float]()
    every_s = _CONNECTIONS / rate
    ends_at = time.perf_counter() + seconds

    async def deliver(first_at: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        planned = first_at
        while planned < ends_at:
            await asyncio.sleep(max(0.0, planned - time.perf_counter()))
            writer.write(request(server.path, next(source)))
            await read_answer(reader)
            times.append(time.perf_counter() - planned)
            planned += every_s
        writer.close()

    began = time.perf_counter()
    starts = (began + number * every_s / _CONNECTIONS for number in range(_CONNECTIONS))
    await asyncio.gather(*(deliver(first_at) for first_at in starts))
    return statistics.quantiles(times, n=100)[98]


@contextlib.asynccontextmanager
async def slow_senders(server: Server, count: int) -> AsyncIterator[None]:
    """Keep so many connections open that never finish a request."""
    tasks = [asyncio.create_task(_stay_slow(server, number)) for number in range(count)]
    await asyncio.sleep(1.0)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stay_slow(server: Server, number: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            await _be_slow(server, number)


async def _be_slow(server: Server, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    closed = asyncio.create_task(reader.read())
    try:
        for piece in _trickle(server, number):
            writer.write(piece)
            await asyncio.wait([closed], timeout=0.5)
            if closed.done():
                return
    finally:
        closed.cancel()
        writer.close()


def _trickle(server: Server, number: int) -> Iterator[bytes]:
    """Yield nothing but waiting, a head without end, or a body without end."""
    kind = number % 3
    head = f"POST {server.path} HTTP/1.1\r\nHost: slow\r\n".encode()
    if kind == 1:
        yield head + b"X: "
    if kind == 2:  # noqa: PLR2004 - the third kind
        yield head + b"Content-Length: 100000\r\n\r\n"
    while True:
        yield b"x" if kind else b""


if __name__ == "__main__":
    main()
