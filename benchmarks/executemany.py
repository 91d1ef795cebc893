"""Rows of `events` into a database by the driver's own executemany, synced at every commit."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

Row = tuple[Any, ...]
Write = Callable[[Sequence[Row]], None]
"""Writes rows in one transaction; those whose event is there already are skipped."""

COLUMNS = (
    "event_id",
    "provider",
    "request_id",
    "outcome",
    "provider_status",
    "model",
    "labels",
    "job",
    "received_at",
    "stored_at",
    "runtime_ms",
    "cost_usd",
    "tokens_input",
    "tokens_output",
    "output_kind",
    "error_code",
    "error_message",
    "inner_status",
    "body_sha256",
    "body_bytes",
    "body",
    "body_ref",
    "topic",
    "partition_no",
    "offset_no",
)
"""In the order of a row's values."""


@contextmanager
def opened(url: str) -> Iterator[Write]:
    """Connect to `sqlite:///path` or `postgresql+psycopg://…`, whose tables are there."""
    with _sqlite(url) if url.startswith("sqlite") else _postgres(url) as write:
        yield write


def sqlite_connection(url: str) -> sqlite3.Connection:
    """Return a connection to SQLite as storage uses it: WAL, synced at every commit."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def postgres_connection(url: str) -> "psycopg.Connection[Row]":
    """Return a connection of psycopg's own, as it is without settings."""
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))


@contextmanager
def _sqlite(url: str) -> Iterator[Write]:
    insert = _insert("?")
    with closing(sqlite_connection(url)) as connection:

        def write(rows: Sequence[Row]) -> None:
            with connection:
                connection.executemany(insert, rows)

        yield write


@contextmanager
def _postgres(url: str) -> Iterator[Write]:
    insert = _insert("%s").encode()
    with postgres_connection(url) as connection:

        def write(rows: Sequence[Row]) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(insert, rows)

        yield write


def _insert(mark: str) -> str:
    marks = ", ".join([mark] * len(COLUMNS))
    return f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of our own
