"""The programs under test: real processes, ended and frozen by their ids only."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import tests.support.kafka as kafka_support
from tests.support.kafka.node import KILLS

INFERBUS = str(Path(sys.executable).with_name("inferbus"))
_TRAMPOLINE = Path(kafka_support.__file__).with_name("die_with_parent.py")
_STOP_TIMEOUT_S = 60.0


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """
    Return this process' environment without our settings, and these instead.

    INFERBUS_TEST_PUBLISHER=client lets every program publish by the client's producer.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INFERBUS_")}
    if publisher := os.environ.get("INFERBUS_TEST_PUBLISHER"):
        kept["INFERBUS_KAFKA__PUBLISHER"] = publisher
    # Hundreds of starts that compile every module anew would measure the compiler.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"INFERBUS_SECRETS_DIR": "/nonexistent", "NO_COLOR": "1"} | dict(settings)


class Service:
    """
    One program that runs until it is ended; each of its starts appends to one log.

    Start it from the main thread: then it ends with the test run, even if that is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        admin_url: str,
    ) -> None:
        self.name = name
        self.admin_url = admin_url
        self.environment = dict(environment)
        self.log_path = folder / f"{name}.log"
        self._command = list(command)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the running program."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, **extra: str) -> None:
        """Start it and return at once; `extra` are settings of this start only."""
        assert not self.is_running, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_TRAMPOLINE), str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment | extra,
                cwd=self._folder,
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Return when it says that it is ready; raise when it ends or stays unready."""
        self._wait_for("readyz", timeout_s)

    def wait_alive(self, timeout_s: float = 120.0) -> None:
        """Return when its admin port answers."""
        self._wait_for("livez", timeout_s)

    def wait_ended(self, timeout_s: float = 60.0) -> int:
        """Return its exit status once it has ended, whoever ended it; minus the signal's number."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self) -> int:
        """End it as a supervisor does; return its exit status."""
        self._signal(signal.SIGTERM)
        return self.wait_ended(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """End it like a power cut. Does nothing where it does not run."""
        KILLS.sent += self.is_running
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOP_TIMEOUT_S)

    def freeze(self) -> None:
        """Stop its time: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, and wait for nothing."""
        self._signal(signal.SIGTERM)

    def rss_mb(self) -> float:
        """Return its resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _wait_for(self, path: str, timeout_s: float) -> None:
        ends_at = time.monotonic() + timeout_s
        said = "nothing"
        while time.monotonic() < ends_at:
            if not self.is_running:
                raise AssertionError(f"{self.name} ended:\n{self.log[-2000:]}")
            status, said = ask(f"{self.admin_url}/{path}")
            if status == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready: {said}\n{self.log[-2000:]}")


def children(pid: int, module: str) -> list[int]:
    """Return the process ids of a process' children that run a module of ours."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(child) for file in threads for child in _said_of(file).split()]
    return [child for child in pids if module in _said_of(Path(f"/proc/{child}/cmdline"))]


def _said_of(file: Path) -> str:
    """Read what the kernel says of a process; nothing of one that has ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def ask(url: str) -> tuple[int, str]:
    """Return status and body of a GET; status 0 where nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()
    except OSError as error:
        return 0, str(error)
