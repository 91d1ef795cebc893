"""
A PostgreSQL server for tests: the one that is named, or one started from Debian's binaries.

`INFERBUS_TEST_POSTGRES_URL` names a server (`postgresql+psycopg://user@host/database`); each
test gets a database of its own there, so the user must be allowed to create databases.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support.kafka.ports import ReservedPorts

ENVIRONMENT = "INFERBUS_TEST_POSTGRES_URL"
_PACKAGED = Path("/usr/lib/postgresql")
_START_TIMEOUT_S = 30.0
# Nothing of a test outlives it, so nothing needs to reach the disk.
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=30")
_ICU_SINCE = 150_000


def binaries() -> Path | None:
    """Return the folder of the newest server's programs, None where there is none."""
    folders = [each.parent for each in _PACKAGED.glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def why_unavailable() -> str | None:
    """Return why no PostgreSQL can be had, None where one can."""
    if os.environ.get(ENVIRONMENT) or binaries() is not None:
        return None
    return f"no PostgreSQL: install Debian's postgresql, or name a server in {ENVIRONMENT}"


@contextmanager
def server() -> Iterator[URL]:
    """Give the URL of a server, started for the occasion unless one is named."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        yield make_url(named).set(drivername="postgresql+psycopg")
        return
    programs = binaries()
    if programs is None:
        raise RuntimeError(why_unavailable())
    with _started(programs) as url:
        yield url


@contextmanager
def database(of: URL) -> Iterator[str]:
    """
    Give the URL of a new and empty database on a server; dropped at the end.

    Where the server can, it sorts as people do and not by code point, as many servers do.
    """
    name = sql.Identifier(f"inferbus_test_{uuid4().hex[:12]}")
    with psycopg.connect(_conninfo(of), autocommit=True) as connection:
        has_icu = connection.info.server_version >= _ICU_SINCE
        locale = " LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0" if has_icu else ""
        connection.execute(sql.SQL(f"CREATE DATABASE {{}}{locale}").format(name))
        try:
            yield of.set(database=name.as_string().strip('"')).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _started(programs: Path) -> Iterator[URL]:
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="inferbus-postgres-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        port = undo.enter_context(ReservedPorts()).reserve()
        as_owner = _owner_of(folder)
        _initialise(programs, folder, as_owner)
        process = _start(programs, folder, port, as_owner)
        undo.callback(process.wait, _START_TIMEOUT_S)
        undo.callback(process.send_signal, signal.SIGINT)  # do not wait for clients
        url = URL.create("postgresql+psycopg", "tester", host="127.0.0.1", port=port)
        url = url.set(database="postgres")
        _wait_until_ready(process, url, folder / "log")
        yield url


def _owner_of(folder: Path) -> list[str]:
    """Return what makes a program run as the folder's owner, never root: PostgreSQL refuses it."""
    # setpriv is util-linux, which every Debian has; the server dies with this process.
    command = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() != 0:
        return command
    names = {entry.pw_name for entry in pwd.getpwall()}
    owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return [*command, f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _initialise(programs: Path, folder: Path, as_owner: list[str]) -> None:
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester"]
    options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    done = subprocess.run(
        [*as_owner, *command, *options], check=False, capture_output=True, text=True, cwd=folder
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")


def _start(
    programs: Path, folder: Path, port: int, as_owner: list[str]
) -> "subprocess.Popen[bytes]":
    where = ("-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*as_owner, str(programs / "postgres"), *where, *_FAST],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=folder,
        )


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: URL, log: Path) -> None:
    ends_at = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(_conninfo(url), connect_timeout=1).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > ends_at:
                said = log.read_text(errors="replace").strip()
                raise RuntimeError(f"PostgreSQL did not start: {said}") from error
            time.sleep(0.05)
        else:
            return
