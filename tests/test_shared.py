"""Servers that the processes of a run share: started once, ended by who started them, at last."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.kafka.waiting import wait_until

# Uses each server that a line of stdin names; says its address, and what becomes of its own.
_PROCESS = """
import os, sys
from contextlib import contextmanager
from pathlib import Path
from tests.support.shared import SharedServers

@contextmanager
def start():
    yield f"started by {os.getpid()}"
    print("ended", flush=True)

servers = SharedServers(Path(sys.argv[1]))
for name in sys.stdin:
    print(servers.give(name.strip(), start), flush=True)
servers.close()
print("closed", flush=True)
"""


class Process:
    """One of the processes of a run."""

    def __init__(self, folder: Path) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(folder)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.own = f"started by {self.popen.pid}"

    def ask(self, name: str) -> str:
        """Return the address of a server."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        print(name, file=self.popen.stdin, flush=True)
        return self.popen.stdout.readline().strip()

    def finish(self) -> None:
        """Let it have no tests left."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def last_words(self) -> list[str]:
        """Return what it says at its end, once that has come."""
        assert self.popen.stdout is not None
        said = self.popen.stdout.read().splitlines()
        self.popen.wait()
        return said

    def kill(self) -> None:
        """End it at once."""
        self.popen.kill()
        self.popen.wait()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Make processes of one run, none of which outlives the test."""
    with ExitStack() as undo:

        def make() -> Process:
            made = Process(tmp_path)
            undo.callback(made.kill)
            return made

        yield make


def test_the_first_starts_it_and_ends_it_after_the_others(
    process: Callable[[], Process], tmp_path: Path
) -> None:
    first, second = process(), process()
    assert (first.ask("kafka"), second.ask("kafka")) == (first.own, first.own)

    first.finish()
    wait_until(lambda: not (tmp_path / "kafka.address").exists(), "its end", timeout_s=60)
    assert first.popen.poll() is None

    second.finish()
    assert second.last_words() == ["closed"]
    assert first.last_words() == ["ended", "closed"]


def test_two_that_use_each_others_do_not_wait_for_ever(process: Callable[[], Process]) -> None:
    first, second = process(), process()
    assert (first.ask("kafka"), second.ask("postgresql")) == (first.own, second.own)
    assert (first.ask("postgresql"), second.ask("kafka")) == (second.own, first.own)

    first.finish()
    second.finish()

    assert first.last_words() == second.last_words() == ["ended", "closed"]


def test_one_that_dies_is_not_waited_for(process: Callable[[], Process]) -> None:
    first, second = process(), process()
    assert (first.ask("kafka"), second.ask("kafka")) == (first.own, first.own)

    second.kill()
    first.finish()

    assert first.last_words() == ["ended", "closed"]


def test_after_the_death_of_who_started_it_the_next_starts_another(
    process: Callable[[], Process],
) -> None:
    first, second = process(), process()
    first.ask("kafka")
    first.kill()

    assert second.ask("kafka") == second.own
    second.finish()
    assert second.last_words() == ["ended", "closed"]
