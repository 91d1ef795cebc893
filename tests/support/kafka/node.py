"""One Kafka node: a process that can be stopped, killed, frozen and started again."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import KafkaStartError
from .waiting import wait_until

_TRAMPOLINE = Path(__file__).with_name("die_with_parent.py")
_STARTED = b"Kafka Server started"
_STOP_TIMEOUT_S = 30.0
_QUOTED_LOG_BYTES = 3000


@dataclass(slots=True)
class Kills:
    """How many processes a test run has killed, for its report."""

    sent: int = 0


KILLS = Kills()


class Node:
    """
    A node of a cluster; `command` starts it, each start logs to a file of its own.

    Signals go only to the process started here, and only while it is ours: Popen
    sends none once it has seen the process end.
    """

    def __init__(self, node_id: int, command: Sequence[str], folder: Path) -> None:
        self.id = node_id
        self.folder = folder
        self.is_frozen = False
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def is_running(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the running node."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def log(self) -> bytes:
        """What the node has logged since its latest start."""
        path = self._log_path()
        return path.read_bytes() if path.exists() else b""

    def start(self) -> None:
        """Start the process and return at once; see `wait_started`."""
        self._starts += 1
        self.is_frozen = False
        with self._log_path().open("wb") as log:
            self._process = subprocess.Popen(
                _dying_with_us(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the test run, which ends us in order
            )

    def wait_started(self, timeout_s: float) -> None:
        """Return when the node says it is up; raise KafkaStartError if it ends first."""

        def has_started() -> bool:
            if not self.is_running:
                raise KafkaStartError(f"node {self.id} ended while starting:\n{self._log_tail()}")
            return _STARTED in self.log

        wait_until(has_started, f"node {self.id} to start", timeout_s=timeout_s)

    def wait_ended(self, timeout_s: float) -> None:
        """Return when the process has ended, whoever ended it."""
        wait_until(lambda: not self.is_running, f"node {self.id} to end", timeout_s=timeout_s)

    def stop(self) -> None:
        """End the node in order. One that cannot hand over without a quorum is killed."""
        self.thaw()
        self._signal(signal.SIGTERM)
        try:
            self._wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the node like a power cut."""
        KILLS.sent += self.is_running
        self._signal(signal.SIGKILL)
        self._wait(_STOP_TIMEOUT_S)
        self.is_frozen = False

    def freeze(self) -> None:
        """Stop the node's time: from here on nothing is answered, connections stay open."""
        self._signal(signal.SIGSTOP)
        self._wait_stopped()
        self.is_frozen = True

    def thaw(self) -> None:
        """Let a frozen node go on; does nothing to others."""
        if self.is_frozen:
            self._signal(signal.SIGCONT)
            self.is_frozen = False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _wait(self, timeout_s: float) -> None:
        if self._process is not None:
            self._process.wait(timeout_s)

    def _wait_stopped(self) -> None:
        # A signal only asks: on a busy machine a broker's threads answer a while longer. The
        # kernel tells the parent when the last of them stands (waitid(2), CLD_STOPPED).
        if (pid := self.pid) is not None:
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _log_path(self) -> Path:
        return self.folder / f"log-{self._starts}.txt"

    def _log_tail(self) -> str:
        return self.log[-_QUOTED_LOG_BYTES:].decode(errors="replace")


def _dying_with_us(command: list[str]) -> list[str]:
    # The signal follows the thread that started the child. From a short-lived
    # thread it would kill the node under way, so there the teardown must do.
    if threading.current_thread() is not threading.main_thread():
        return command
    return [sys.executable, "-I", "-S", str(_TRAMPOLINE), str(os.getpid()), *command]
