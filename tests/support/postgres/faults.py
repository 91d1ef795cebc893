"""What can happen to a server while consumers write, as context managers: mended at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from .database import connection, run
from .server import PostgresServer

APP = "app"
"""The role that services use: it may read, insert and update, nothing else."""


def make_app_role(server: PostgresServer) -> None:
    """Make the role."""
    run(server.url, f"CREATE ROLE {APP} LOGIN PASSWORD 'hush'")


@contextmanager
def stopped(server: PostgresServer, _database: str) -> Iterator[None]:
    """A restart in order."""
    server.stop()
    yield
    server.start()


@contextmanager
def killed(server: PostgresServer, _database: str) -> Iterator[None]:
    """The main process dies at once."""
    server.kill()
    yield
    server.start()


@contextmanager
def full(server: PostgresServer, _database: str) -> Iterator[None]:
    """No connection is left for us, and those we had are gone."""
    with _role(server, "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"):
        yield


@contextmanager
def read_only(server: PostgresServer, _database: str) -> Iterator[None]:
    """The server takes no writes, as after a fail-over to another one; connections live on."""
    server.set("default_transaction_read_only", "on")
    yield
    server.set("default_transaction_read_only", "off")


@contextmanager
def slow(server: PostgresServer, database: str) -> Iterator[None]:
    """Statements take longer than the server allows them."""
    set_timeout = "SET statement_timeout = '200ms'"
    with _role(server, set_timeout, "RESET statement_timeout"), _held(server, database):
        yield


@contextmanager
def held(server: PostgresServer, database: str) -> Iterator[None]:
    """Someone holds the tables, for longer than we wait for a lock."""
    set_timeout = "SET lock_timeout = '200ms'"
    with _role(server, set_timeout, "RESET lock_timeout"), _held(server, database):
        yield


@contextmanager
def _role(server: PostgresServer, change: str, undo: str) -> Iterator[None]:
    run(server.url, f"ALTER ROLE {APP} {change}", _END_CONNECTIONS)
    yield
    run(server.url, f"ALTER ROLE {APP} {undo}", _END_CONNECTIONS)


# What is set for a role counts for its new connections.
_END_CONNECTIONS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{APP}'"  # noqa: S608


@contextmanager
def _held(server: PostgresServer, database: str) -> Iterator[None]:
    with connection(server.url.set(database=database)) as holder, holder.transaction():
        holder.execute("LOCK TABLE events, alert_seen")
        yield


def wait_until_blocked(on: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Return once another connection to this database waits for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    row = on.execute(query).fetchone()
    while row is None or not row[0]:
        on.execute("SELECT pg_sleep(0.02)")
        row = on.execute(query).fetchone()
