"""
Both publishers through the real ingress on a real Kafka: `python -m benchmarks.publishers`.

One ingest process a publisher, and bare aiohttp, side by side on one node of Apache Kafka; they
take turns, round by round. CPU is the ingest process' own, by delivery acknowledged with 200;
each ratio is of numbers of the same round, because a shared machine changes its speed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.__main__ import Round, Server, _spread, machine
from benchmarks.load import drive
from tests.support.kafka import KafkaCluster
from tests.support.kafka.ports import ReservedPorts

_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - nobody else's
_PATH = f"/webhooks/deepinfra/{_TOKEN}"
_INFERBUS = str(Path(sys.executable).with_name("inferbus"))
_TICKS = os.sysconf("SC_CLK_TCK")
_NAMES = ("bare", "client", "direct")
_READY_S = 60


class Ingest:
    """`inferbus ingest` as its own process, with one of the publishers."""

    def __init__(self, publisher: str, environment: dict[str, str], folder: Path) -> None:
        self.path = _PATH
        with ReservedPorts() as ports:
            self.port, admin_port = ports.reserve(), ports.reserve()
        settings = {
            "INFERBUS_DATA_DIR": str(folder),
            "INFERBUS_KAFKA__PUBLISHER": publisher,
            "INFERBUS_INGEST__PORT": str(self.port),
            "INFERBUS_INGEST__ADMIN_PORT": str(admin_port),
            "INFERBUS_INGEST__AUTH": "token",
            "INFERBUS_INGEST__TOKENS": f"bench:{_TOKEN}",
            "INFERBUS_LOG__LEVEL": "error",
        }
        self._process = subprocess.Popen([_INFERBUS, "ingest"], env=environment | settings)  # noqa: S603 - ours
        self._admin_url = f"http://127.0.0.1:{admin_port}"

    def wait_ready(self) -> None:
        """Return once it serves and Kafka is there."""
        ends_at = time.monotonic() + _READY_S
        while time.monotonic() < ends_at:
            with contextlib.suppress(OSError):
                if b"degraded" not in self._ask("readyz"):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self._admin_url} is not ready")

    def spooled(self) -> int:
        """Return how many deliveries Kafka did not acknowledge in time, since the start."""
        samples = (line.rpartition(b" ") for line in self._ask("metrics").splitlines())
        return sum(
            round(float(value))
            for name, _, value in samples
            if name.startswith(b"inferbus_deliveries_total") and b'"spooled"' in name
        )

    def _ask(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self._admin_url}/{path}", timeout=5) as answer:  # noqa: S310 - ours
            content: bytes = answer.read()
            return content

    def cpu_s(self) -> float:
        """Return the CPU seconds the process has used."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(30)


@contextlib.contextmanager
def started(servers: str) -> Iterator[dict[str, Server | Ingest]]:
    """Run all three side by side, idle but for the one whose turn it is."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INFERBUS_")}
    environment = {
        **inherited,
        "INFERBUS_SECRETS_DIR": "/nonexistent",
        "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": servers,
        "INFERBUS_TOPICS__PREFIX": "bench",
    }
    subprocess.run([_INFERBUS, "topics", "create"], env=environment, check=True)  # noqa: S603 - ours
    running: dict[str, Server | Ingest] = {}
    with contextlib.ExitStack() as undo:
        for name in _NAMES[1:]:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
            ingest = Ingest(name, environment, folder)
            undo.callback(ingest.stop)
            ingest.wait_ready()
            running[name] = ingest
        running["bare"] = Server("bare")
        undo.callback(running["bare"].stop)
        yield running


def measure(server: Server | Ingest, connections: int, seconds: float) -> Round:
    """Load one server for one round."""
    before = server.cpu_s()
    load = asyncio.run(drive(server.port, server.path, connections, seconds))
    return Round(load.per_second, (server.cpu_s() - before) / load.deliveries * 1e6)


def run(options: argparse.Namespace, servers: str) -> dict[str, list[Round]]:
    """Return every server's rounds; the order rotates so that none always goes first."""
    rounds: dict[str, list[Round]] = {name: [] for name in _NAMES}
    with started(servers) as running:
        for name in _NAMES:
            measure(running[name], options.connections, 1.0)
        for number in range(options.rounds):
            turn = number % len(_NAMES)
            for name in _NAMES[turn:] + _NAMES[:turn]:
                rounds[name].append(measure(running[name], options.connections, options.seconds))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        spooled = {k: each.spooled() for k, each in running.items() if isinstance(each, Ingest)}
        print(f"answered by the spool: {spooled}", file=sys.stderr)
    return rounds


def ratios(rounds: dict[str, list[Round]]) -> dict[str, dict[str, float]]:
    """Return median and spread of each figure and of the ratios within a round."""

    def of(name: str, to: str, what: str) -> dict[str, float]:
        pairs = zip(rounds[name], rounds[to], strict=True)
        return _spread([getattr(one, what) / getattr(other, what) for one, other in pairs])

    figures = {
        f"{name} {what}": _spread([getattr(each, what) for each in own])
        for name, own in rounds.items()
        for what in ("cpu_us", "per_second")
    }
    compared = {
        f"{name} ÷ {to}, {what}": of(name, to, what)
        for name, to in (("client", "direct"), ("client", "bare"), ("direct", "bare"))
        for what in ("cpu_us", "per_second")
    }
    return figures | compared


def main() -> None:
    """Measure, print the figures on stderr and as JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publishers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="per server and round")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--bootstrap-servers", help="a Kafka of your own instead of one node here")
    options = parser.parse_args()
    with contextlib.ExitStack() as undo:
        servers = options.bootstrap_servers
        if servers is None:
            servers = undo.enter_context(KafkaCluster()).bootstrap_servers
        results = ratios(run(options, servers))
    for name, spread in results.items():
        print(f"{name:30} {spread['median']} ({spread['min']} to {spread['max']})", file=sys.stderr)
    print(json.dumps({**machine(), "options": vars(options), "results": results}))


if __name__ == "__main__":
    main()
