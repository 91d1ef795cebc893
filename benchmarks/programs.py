"""Programs under measurement: started, waited for, ended, all by their process ids."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import tests.support.kafka as kafka_support

INFERBUS = str(Path(sys.executable).with_name("inferbus"))
_DIE_WITH_US = Path(kafka_support.__file__).with_name("die_with_parent.py")
_READY_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 25.0
_LOOK_EVERY_S = 0.005


class BenchError(Exception):
    """A subject cannot be measured here and now; the message says why."""


class Program:
    """
    One program for the length of a with block, ready when that begins.

    Its output goes to a log file; `is_ready` is asked until it says so.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str],
        is_ready: Callable[[], bool],
    ) -> None:
        self.name = name
        self.ready_after_s = 0.0
        self.log_path = folder / f"{name}.log"
        self._command = [sys.executable, "-I", "-S", str(_DIE_WITH_US), str(os.getpid()), *command]
        self._environment = dict(environment)
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        if self._process is None:
            raise BenchError(f"{self.name} was never started")
        return self._process.pid

    def __enter__(self) -> Self:
        started = time.perf_counter()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self.log_path.parent,
                start_new_session=True,
            )
        try:
            self._wait_ready(started)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_ready(self, started: float) -> None:
        while not self._is_ready():
            if self._process is None or self._process.poll() is not None:
                raise BenchError(f"{self.name} ended while starting:\n{self._log_tail()}")
            if time.perf_counter() - started > _READY_TIMEOUT_S:
                raise BenchError(f"{self.name} does not get ready:\n{self._log_tail()}")
            time.sleep(_LOOK_EVERY_S)
        self.ready_after_s = time.perf_counter() - started

    def _log_tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:]


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process' environment with these settings of inferbus and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INFERBUS_")}
    return kept | {"INFERBUS_SECRETS_DIR": "/nonexistent", "NO_COLOR": "1"} | dict(settings)


def run_to_end(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Run a command and return how many seconds it took; raises `BenchError` where it fails."""
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own programs
        list(command),
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}")
    return time.perf_counter() - started


def answers(url: str) -> Callable[[], bool]:
    """Ask whether an HTTP GET is answered with 200."""
    return lambda: fetch(url) is not None


def fetch(url: str) -> str | None:
    """Return the body of a GET that is answered with 200, None otherwise."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            text: str = answer.read().decode()
    except (OSError, urllib.error.HTTPError):
        return None
    return text


def metric(admin_url: str, name: str, label: str = "") -> float:
    """Return the sum of a metric's samples, those with `label` in their braces; 0 where none."""
    lines = (fetch(f"{admin_url}/metrics") or "").splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith(name) and line[len(name)] in " {" and label in line
    )
