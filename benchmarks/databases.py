"""Databases with inferbus' tables, and the plainest way to write the same rows."""

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import URL

from benchmarks.bench import Bench
from benchmarks.consuming import Consumed, upgrade

Row = tuple[Any, ...]
# As many records as storage settles at once, in one transaction, synced to disk.
BATCH = 1000
_EACH_TENTH = 10


class Database(Protocol):
    """One engine: fresh databases with the tables, all rows, and a raw executemany."""

    name: str

    def fresh(self) -> str:
        """Return the URL of a new database with empty tables."""
        ...

    def rows(self, url: str) -> list[Row]:
        """Return every row of `events`."""
        ...

    def write(self, url: str, rows: Sequence[Row]) -> Consumed:
        """Write the rows with executemany, one transaction a batch, repeats skipped."""
        ...


class Sqlite:
    """SQLite as storage uses it: WAL, synced at every commit."""

    name = "SQLite"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._template = bench.new_folder("sqlite") / "template.db"
        upgrade(bench, f"sqlite:///{self._template}")

    def fresh(self) -> str:
        """See `Database`."""
        path = self._bench.new_folder("sqlite") / "inferbus.db"
        shutil.copy(self._template, path)
        return f"sqlite:///{path}"

    def copy(self, url: str) -> str:
        """Return a database that holds what another one does."""
        path = self._bench.new_folder("sqlite") / "inferbus.db"
        shutil.copy(url.removeprefix("sqlite:///"), path)
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # or the first checkpoint would wait for the copy's pages
        return f"sqlite:///{path}"

    def rows(self, url: str) -> list[Row]:
        """See `Database`."""
        with closing(self._open(url)) as connection:
            return connection.execute("SELECT * FROM events").fetchall()

    def write(self, url: str, rows: Sequence[Row]) -> Consumed:
        """See `Database`."""
        marks = ",".join("?" * len(rows[0]))
        insert = f"INSERT INTO events VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - marks

        with closing(self._open(url)) as connection:

            def write(batch: Sequence[Row]) -> None:
                with connection:
                    connection.executemany(insert, batch)

            return _timed(rows, write)

    @staticmethod
    def _open(url: str) -> sqlite3.Connection:
        connection = sqlite3.connect(Path(url.removeprefix("sqlite:///")))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


class Postgres:
    """PostgreSQL through psycopg, synced at every commit."""

    name = "PostgreSQL"

    def __init__(self, bench: Bench) -> None:
        self._server: URL = bench.postgres
        self._made = 0
        self._execute("CREATE DATABASE template_bench")
        upgrade(bench, self._url("template_bench"))

    def fresh(self) -> str:
        """See `Database`."""
        self._made += 1
        name = f"bench_{self._made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template_bench")
        return self._url(name)

    def rows(self, url: str) -> list[Row]:
        """See `Database`."""
        with self._open(url) as connection:
            rows = connection.execute("SELECT * FROM events").fetchall()
        return [tuple(Jsonb(v) if isinstance(v, dict) else v for v in row) for row in rows]

    def write(self, url: str, rows: Sequence[Row]) -> Consumed:
        """See `Database`."""
        marks = sql.SQL(",").join([sql.Placeholder()] * len(rows[0]))
        insert = sql.SQL("INSERT INTO events VALUES ({}) ON CONFLICT DO NOTHING").format(marks)
        with self._open(url) as connection:

            def write(batch: Sequence[Row]) -> None:
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(insert, batch)

            return _timed(rows, write)

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    @staticmethod
    def _open(url: str) -> "psycopg.Connection[Row]":
        return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))

    def _execute(self, statement: str) -> None:
        conninfo = self._url("postgres").replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL(statement))


def with_repeats(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with every tenth a repeat, as the backlog has them."""
    nine = _EACH_TENTH - 1
    return [row for at in range(0, len(rows), nine) for row in (*rows[at : at + nine], rows[at])]


def _timed(rows: Sequence[Row], write: Callable[[Sequence[Row]], None]) -> Consumed:
    started, cpu = time.perf_counter(), _cpu_s()
    for at in range(0, len(rows), BATCH):
        write(rows[at : at + BATCH])
    seconds = time.perf_counter() - started
    return Consumed(len(rows) / seconds, (_cpu_s() - cpu) / len(rows) * 1e6)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
