"""From the command to an answer."""

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.programs import INFERBUS, BenchError, clean_environment, run_to_end
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.subject import Subject


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    helps, pythons, ups, bares, ingests = [], [], [], [], []
    for number in range(bench.options.restarts):
        bench.say(f"round {number + 1} of {bench.options.restarts}")
        helps.append(_command(bench, [INFERBUS, "--help"]))
        pythons.append(_command(bench, [sys.executable, "-c", "pass"]))
        ups.append(_up(bench))
        with bare(bench) as baseline:
            bares.append(baseline.programs[0].ready_after_s)
        with ingress(bench) as ours:
            ingests.append(ours.programs[0].ready_after_s)
    return [
        compare(
            "inferbus --help", "time", "s", helps, pythons, against="python -c pass", aim="< 0.3 s"
        ),
        compare("inferbus ingest, to /readyz", "time", "s", ingests, bares),
        compare("inferbus up, to its ready line", "time", "s", ups, bares, aim="< 3 s"),
    ]


def _command(bench: Bench, command: Sequence[str]) -> float:
    return run_to_end(command, clean_environment({}), bench.new_folder("start"))


def _up(bench: Bench) -> float:
    """Return the seconds until `up` says that it is ready, on an empty data directory."""
    folder = bench.new_folder("up")
    command = [INFERBUS, "up", "--json", "--port", "0", "--admin-port", "0"]
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=clean_environment({"INFERBUS_DATA_DIR": str(folder)}),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        line = process.stdout.readline() if process.stdout else b""
        seconds = time.perf_counter() - started
        process.terminate()
    if not line:
        raise BenchError("`inferbus up` ended before it was ready")
    return seconds


SUBJECT = Subject(
    "start",
    "How long until it is there?",
    "`up` starts its embedded broker, makes topics and tables and is ready when every part is;"
    " `ingest` finds its topics made on a broker that runs;"
    " the baseline is a bare aiohttp process that answers.",
    run,
)
