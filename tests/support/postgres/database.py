"""Databases on a server, one for each test."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL

_ICU_SINCE = 150_000


@contextmanager
def database(of: URL) -> Iterator[str]:
    """
    Give the URL of a new and empty database on a server; dropped at the end.

    Where the server can, it sorts as people do and not by code point, as many servers do.
    """
    name = f"inferbus_test_{uuid4().hex[:12]}"
    with connection(of) as admin:
        has_icu = admin.info.server_version >= _ICU_SINCE
        locale = " LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0" if has_icu else ""
        admin.execute(sql.SQL(f"CREATE DATABASE {{}}{locale}").format(sql.Identifier(name)))
    try:
        yield of.set(database=name).render_as_string(hide_password=False)
    finally:
        run(of, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def connection(to: URL) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """Open a connection that commits each statement."""
    conninfo = to.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as opened:
        yield opened


def run(on: URL, *statements: "str | sql.Composed") -> Sequence[tuple[Any, ...]]:
    """Run statements; return the rows of the last one."""
    with connection(on) as opened:
        for statement in statements:
            done = opened.execute(statement)  # type: ignore[arg-type] # tests write their own SQL
        return done.fetchall() if done.description else []
