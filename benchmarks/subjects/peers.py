"""The fastest peer that installs from a registry, on the same broker with the same bodies."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.load.bodies import MIX
from benchmarks.programs import BenchError, Program, clean_environment
from benchmarks.servers.contender import Contender
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, cpu, duel, latency, throughput
from benchmarks.subjects.subject import Subject

PEER = "mq-bridge"
CASES = (
    Case({"1 KB": 1}, 128),
    Case({"1 KB": 1}, 32),
    Case(MIX, 16, aims={"throughput": "≥ 1"}),
)
_PATH = "/webhooks/deepinfra"
_SCRIPT = Path(__file__).parents[1] / "servers" / "peer.py"
_LARGEST_RECORD = 4 << 20
TOOLS = Path(sys.prefix) / "bench-tools" / "bin"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    figures: list[Figure] = []
    with bare(bench) as baseline, ingress(bench) as ours, mq_bridge(bench) as theirs:
        contenders = {BARE: baseline, OURS: ours, PEER: theirs}
        for contender in contenders.values():
            contender.warm_up({"1 KB": 1}, 32)
        for case in CASES:
            turns = duel(bench, case, contenders)
            figures += [
                throughput(case, turns, PEER),
                cpu(case, turns, PEER),
                latency(case, turns, "p50", PEER),
            ]
    return figures


@contextmanager
def mq_bridge(bench: Bench) -> Iterator[Contender]:
    """Run the peer; raises `BenchError` where it is not installed."""
    python = TOOLS / "python"
    if not python.exists():
        raise BenchError("mq-bridge is not installed: `make bench` installs it")
    port = bench.port()
    topic = f"{bench.new_prefix()}-peer"
    largest = {"max.message.bytes": str(_LARGEST_RECORD)}
    bench.kafka.create_topic(topic, 12, config=largest)
    program = Program(
        PEER,
        [
            str(python),
            str(_SCRIPT),
            str(port),
            _PATH,
            bench.kafka.bootstrap_servers,
            topic,
            str(_LARGEST_RECORD),
        ],
        bench.new_folder("peer"),
        environment=clean_environment({}),
        is_ready=lambda: _listens(port),
    )
    with program:
        yield Contender([program], [port], _PATH)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


SUBJECT = Subject(
    "peers",
    "How does it compare with mq-bridge, a front door to Kafka in Rust?",
    "mq-bridge 1.2.0 from PyPI with its defaults, but for the largest record, which must hold"
    " 2 MB: left alone it answers 202 to such bodies and drops them. It copies what arrives to"
    " one topic and uses as many threads as it likes; it verifies no credential, parses nothing,"
    " keeps no spool and answers nothing but 202.",
    run,
)
