"""Taking a profile of a running process."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.programs import BenchError
from benchmarks.subjects.peers import TOOLS

_RATE = 200


def record(pid: int, seconds: float, into: Path, under: Callable[[], object]) -> list[str]:
    """
    Return the stacks that py-spy saw in the process while `under` ran.

    Only threads that hold the interpreter's lock count: a thread that waits costs nothing.
    Raises `BenchError` where py-spy is missing or may not look.
    """
    spy = TOOLS / "py-spy"
    if not spy.exists():
        raise BenchError("py-spy is not installed: `make profile` installs it")
    command = [
        *(str(spy), "record", "--pid", str(pid), "--duration", str(round(seconds))),
        *("--rate", str(_RATE), "--format", "raw", "--output", str(into)),
        *("--gil", "--threads", "--full-filenames"),
    ]
    with subprocess.Popen(  # noqa: S603 - the tool of our own environment
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as spying:
        under()
        _, said = spying.communicate(timeout=seconds + 60)
    if spying.returncode or not into.exists():
        raise BenchError(f"py-spy took no profile: {said.strip()[-500:]}")
    return into.read_text().splitlines()
