"""A PostgreSQL server started from Debian's binaries, and what can happen to it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from sqlalchemy import URL

from tests.support.kafka.disk import small_disk
from tests.support.kafka.ports import ReservedPorts

from .database import connection, run

_PACKAGED = Path("/usr/lib/postgresql")
_START_TIMEOUT_S = 30.0
_SETTINGS = {"max_connections": "100"}
# Nothing of a test outlives it, so nothing needs to reach the disk.
_FAST = {"fsync": "off", "full_page_writes": "off"}


def why_no_binaries() -> str | None:
    """Return why no server can be started here, None where one can."""
    return None if _programs() else "no PostgreSQL programs: scripts/packages installs Debian's"


def server_version() -> str | None:
    """Return the version of the server that would be started, None where there is none."""
    if not (programs := _programs()):
        return None
    asked = [str(programs / "postgres"), "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True)
    return said.stdout.split()[2]


class PostgresServer:
    """
    A server on 127.0.0.1 with an empty data folder, gone after the with block.

    Its user `tester` may do everything. A standby of another one follows that until `promote`.
    A durable one syncs to disk, which tests need not wait for and benchmarks must.
    """

    def __init__(
        self, standby_of: "PostgresServer | None" = None, *, is_durable: bool = False
    ) -> None:
        self._primary = standby_of
        self._settings = _SETTINGS | ({} if is_durable else _FAST)
        self.folder = Path()
        self.port = 0
        self._programs = Path()
        self._as_owner: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._prepare(undo)
            self._make_data()
            undo.callback(self.stop)
            self.start()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    @property
    def url(self) -> URL:
        """The maintenance database, as the user that may do everything."""
        url = URL.create("postgresql+psycopg", "tester", host="127.0.0.1", port=self.port)
        return url.set(database="postgres")

    def start(self) -> None:
        """Start the server, again perhaps; return when it takes connections."""
        options = [
            part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")
        ]
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command("postgres"), "-D", str(self._data), *where, *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End the server in order; it ends its clients' connections first."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server's main process at once (SIGKILL), and wait for its children to notice."""
        self._end(signal.SIGKILL)
        while self._children():
            time.sleep(0.02)

    def kill_backend(self, user: str) -> None:
        """End one connection's process at once (SIGKILL): the server ends all and recovers."""
        query = f"SELECT pid FROM pg_stat_activity WHERE usename = '{user}' LIMIT 1"  # noqa: S608
        ((pid,),) = run(self.url, query)
        os.kill(pid, signal.SIGKILL)

    def set(self, name: str, value: str) -> None:
        """Change a setting for all sessions, running ones too, as far as that needs no restart."""
        before = self._settings_read_at()
        with connection(self.url) as admin:
            admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")  # type: ignore[arg-type] # our own
            admin.execute("SELECT pg_reload_conf()")
        ends_at = time.monotonic() + _START_TIMEOUT_S
        while self._settings_read_at() == before:
            if time.monotonic() > ends_at:
                raise TimeoutError("PostgreSQL does not read its settings")
            time.sleep(0.02)

    def _settings_read_at(self) -> Any:
        # What a new session says is the server's own time; it tells running ones just after.
        return run(self.url, "SELECT pg_conf_load_time()")[0][0]

    def promote(self) -> None:
        """Make a standby the primary; return when it takes writes."""
        run(self.url, "SELECT pg_promote()")

    def make_tablespace(self, name: str, size_mb: int) -> Path:
        """Make a tablespace on a small disk; return its folder, for `fill` and `free`."""
        folder = self.folder / name
        folder.mkdir()
        self._undo.enter_context(small_disk(folder, size_mb))
        _as_owner_of(folder)
        inner = folder / "space"
        inner.mkdir()
        _as_owner_of(inner)
        run(self.url, f"CREATE TABLESPACE {name} LOCATION '{inner}'")
        return folder

    def _prepare(self, undo: ExitStack) -> None:
        programs = _programs()
        if programs is None:
            raise RuntimeError(why_no_binaries())
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="inferbus-postgres-"))
        undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.port = undo.enter_context(ReservedPorts()).reserve()
        self._as_owner = _as_owner_of(self.folder)

    def _make_data(self) -> None:
        common = ["-D", str(self._data), "-U", "tester", "--no-sync"]
        if self._primary is None:
            options = ["--auth=trust", "--encoding=UTF8", "--locale=C"]
            command = [*self._command("initdb"), *common, *options]
        else:
            where = ["-h", "127.0.0.1", "-p", str(self._primary.port)]
            options = ["--write-recovery-conf", "--checkpoint=fast"]
            command = [*self._command("pg_basebackup"), *common, *where, *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError(f"no data folder: {done.stderr.strip()}")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _command(self, program: str) -> list[str]:
        return [*self._as_owner, str(self._programs / program)]

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                run(self.url, "SELECT 1")
            except psycopg.OperationalError as error:
                if not self._is_running() or time.monotonic() > ends_at:
                    said = (self.folder / "log").read_text(errors="replace").strip()
                    raise RuntimeError(f"PostgreSQL did not start: {said[-2000:]}") from error
                time.sleep(0.05)
            else:
                return

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(_START_TIMEOUT_S)

    def _children(self) -> bool:
        """Tell whether a process still holds the data folder, as orphans do for a moment."""
        held = str(self._data)
        return any(_folder_of(process) == held for process in Path("/proc").glob("[0-9]*"))


def _programs() -> Path | None:
    """Return the folder of the newest server's programs, None where there is none."""
    folders = [each.parent for each in _PACKAGED.glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def _folder_of(process: Path) -> str | None:
    try:
        return str((process / "cwd").readlink())
    except OSError:  # it ended
        return None


def _as_owner_of(folder: Path) -> list[str]:
    """Return what makes a program run as the folder's owner, never root: PostgreSQL refuses it."""
    # setpriv is util-linux, which every Debian has; the server dies with this process.
    command = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() != 0:
        return command
    names = {entry.pw_name for entry in pwd.getpwall()}
    owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return [*command, f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
