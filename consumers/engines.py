"""Connections to the database: settings that make a commit durable, errors without secrets."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from decimal import Context, Decimal
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bus.runtime.masking import mask_url
from bus.runtime.settings_names import SettingsError
from consumers.postgresql import postgresql_engine

# How long a writer waits for another one before it gives up and is tried again.
BUSY_TIMEOUT_S = 5.0
_READ_ONLY = "inferbus_read_only"
_EXACT = Context(prec=1000)  # no sum of our amounts (52 digits each) comes near


def open_engine(url: str) -> Engine:
    """
    Return an engine for `sqlite:///path` or `postgresql+psycopg://…`; nothing is connected yet.

    The folder of an SQLite file is made, readable by us alone. A transaction takes SQLite's
    write lock at its start unless it is opened with `reading`: two threads that read first and
    write later would otherwise end in a lock that no waiting resolves. Raises `SettingsError`
    for a URL that cannot be used.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    return postgresql_engine(parsed)


def parse_url(url: str) -> URL:
    """Return the URL with its driver; raises `SettingsError` for one that cannot be used."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _unusable("it is no database URL") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise _unusable(f"{parsed.drivername} is not supported")
    if parsed.get_backend_name() == "sqlite" and parsed.host:
        raise _unusable("the path of an SQLite file begins after three slashes, / and all")
    if "@" in (parsed.host or ""):
        # Its rest would be taken for the host, and shown.
        raise _unusable("write an @ in the password as %40")
    return parsed


def _unusable(reason: str) -> SettingsError:
    return SettingsError(
        f"INFERBUS_STORAGE__URL: {reason}: use sqlite:///path or"
        " postgresql+psycopg://user:password@host/name"
    )


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite URL; None for PostgreSQL and for a database in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection that only reads: on SQLite it waits for no writer."""
    with engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        yield connection


def error_line(error: DBAPIError) -> str:
    """Return the database's own words in one line, without values and without passwords."""
    diagnostics = getattr(error.orig, "diag", None)
    # PostgreSQL's full text may quote the failing row, body included.
    text = getattr(diagnostics, "message_primary", None) or str(error.orig)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return mask_url(lines[0]) if lines else type(error.orig).__name__


def _sqlite_engine(url: URL) -> Engine:
    file = sqlite_file(url)
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    _use_wal(connection)
    # NORMAL may lose the last commits on a power cut, after their offsets were committed.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.create_function("label_value", 2, _label_value, deterministic=True)
    connection.create_aggregate("exact_sum", 1, _ExactSum)  # type: ignore[arg-type] # typeshed wants int results only


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file over; two who do so at once are refused instead of kept waiting."""
    ends_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    is_read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")


def _label_value(labels: str, key: str) -> str | None:
    # SQLite's own JSON paths cannot name every key.
    value = json.loads(labels).get(key)
    return value if isinstance(value, str) else None


class _ExactSum:
    """The sum of decimal texts or integers as decimal text; NULL where there are none."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, value: str | int | None) -> None:
        if value is not None:
            self._sum = _EXACT.add(self._sum or Decimal(0), Decimal(value))

    def finalize(self) -> str | None:
        return None if self._sum is None else format(self._sum, "f")
