"""Starting contenders: bare aiohttp, inferbus' ingress, a peer."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.programs import (
    INFERBUS,
    BenchError,
    Program,
    answers,
    clean_environment,
    metric,
    run_to_end,
)
from benchmarks.servers.contender import Contender, wait_until
from schemas.callback import mint, parse_keys

KEY = "bench:0123456789abcdef0123456789abcdef"
_BASE = "http://bench"
_DRAIN_TIMEOUT_S = 120.0
_PROJECT = Path(__file__).parents[2]


@contextmanager
def bare(bench: Bench, processes: int = 1) -> Iterator[Contender]:
    """Run bare aiohttp, some processes on one port."""
    port = bench.port()
    program = Program(
        "bare",
        [sys.executable, "-m", "benchmarks.servers.bare", str(port), str(processes)],
        bench.new_folder("bare"),
        environment=clean_environment({"PYTHONPATH": str(_PROJECT)}),
        is_ready=answers(f"http://127.0.0.1:{port}/readyz"),
    )
    with program:
        yield Contender([program], [port], _path())


@contextmanager
def ingress(
    bench: Bench, workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Run `inferbus ingest` with its defaults, signed URLs and topics of its own."""
    shared = kafka_settings(bench, bench.new_prefix()) | dict(settings or {})
    create_topics(bench, shared)
    shared["INFERBUS_INGEST__WORKERS"] = str(workers)
    program, port, admin_url = _ingest(bench, shared)
    with program:
        folder = program.log_path.parent
        yield Contender([program], [port], _path(), lambda: _settle(admin_url, folder))


def kafka_settings(bench: Bench, prefix: str) -> dict[str, str]:
    """Return the settings of services on the bench's Kafka, with topics and groups of their own."""
    return {
        "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": bench.kafka.bootstrap_servers,
        "INFERBUS_KAFKA__GROUP_PREFIX": prefix,
        "INFERBUS_TOPICS__PREFIX": prefix,
    }


def create_topics(bench: Bench, settings: Mapping[str, str]) -> None:
    """Create the topics of these settings."""
    environment = clean_environment(settings)
    run_to_end([INFERBUS, "topics", "create"], environment, bench.new_folder("topics"))


def admin_url_of(contender: Contender) -> str:
    """Return the admin URL of an ingress' first program."""
    return (contender.programs[0].log_path.parent / "admin-url").read_text()


def _ingest(bench: Bench, settings: Mapping[str, str]) -> tuple[Program, int, str]:
    port, admin_port = bench.port(), bench.port()
    folder = bench.new_folder("ingest")
    admin_url = f"http://127.0.0.1:{admin_port}"
    (folder / "admin-url").write_text(admin_url)
    environment = {
        "INFERBUS_DATA_DIR": str(folder),
        "INFERBUS_INGEST__PORT": str(port),
        "INFERBUS_INGEST__ADMIN_PORT": str(admin_port),
        "INFERBUS_INGEST__SIGNING_KEYS": KEY,
    }
    program = Program(
        "ingest",
        [INFERBUS, "ingest"],
        folder,
        environment=clean_environment(environment | dict(settings)),
        is_ready=answers(f"{admin_url}/readyz"),
    )
    return program, port, admin_url


def _settle(admin_url: str, folder: Path) -> None:
    """Wait for the spool to be empty; make room on the disk that large bodies and logs took."""
    if not wait_until(lambda: not metric(admin_url, "inferbus_spool_entries"), _DRAIN_TIMEOUT_S):
        raise BenchError(f"the spool is not drained after {_DRAIN_TIMEOUT_S:g} s")
    for blobs in (folder / "blobs").glob("*"):
        shutil.rmtree(blobs, ignore_errors=True)
    (folder / "ingest.log").write_bytes(b"")  # opened for appending: it grows from nothing again


def _path() -> str:
    return mint(_BASE, "deepinfra", parse_keys(KEY)[0], model="a/b").removeprefix(_BASE)
