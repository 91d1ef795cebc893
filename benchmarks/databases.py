"""Databases with inferbus' tables, and the plainest way to write the same rows."""

import os
import resource
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

import orjson
from psycopg import sql
from sqlalchemy import URL

from benchmarks.bench import Bench
from benchmarks.consuming import Consumed, upgrade
from benchmarks.executemany import (
    COLUMNS,
    Row,
    opened,
    postgres_connection,
    sqlite_connection,
)

# As many records as storage settles at once, in one transaction, synced to disk.
BATCH = 1000
_EACH_TENTH = 10
_ALL_ROWS = f"SELECT {', '.join(COLUMNS)} FROM events"  # noqa: S608 - names of our own


class Database(Protocol):
    """One engine: fresh databases with the tables, and all rows of one."""

    name: str

    def fresh(self) -> str:
        """Return the URL of a new database with empty tables."""
        ...

    def rows(self, url: str) -> list[Row]:
        """Return every row of `events`."""
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
        with closing(sqlite_connection(url)) as connection:
            return connection.execute(_ALL_ROWS).fetchall()


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
        with postgres_connection(url) as connection:
            rows = connection.execute(_ALL_ROWS.encode()).fetchall()
        return [
            tuple(orjson.dumps(each).decode() if isinstance(each, dict) else each for each in row)
            for row in rows
        ]

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with postgres_connection(self._url("postgres")) as connection:
            connection.autocommit = True  # databases are made outside of transactions
            connection.execute(sql.SQL(statement))


def with_repeats(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with every tenth a repeat, as the backlog has them."""
    nine = _EACH_TENTH - 1
    return [row for at in range(0, len(rows), nine) for row in (*rows[at : at + nine], rows[at])]


def raw(url: str, rows: Sequence[Row]) -> Consumed:
    """Write rows that are in memory, one transaction a batch, repeats skipped."""
    with opened(url) as write:
        started, cpu = time.perf_counter(), _cpu_s()
        for at in range(0, len(rows), BATCH):
            write(rows[at : at + BATCH])
        seconds = time.perf_counter() - started
        return Consumed(len(rows) / seconds, (_cpu_s() - cpu) / len(rows) * 1e6)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
