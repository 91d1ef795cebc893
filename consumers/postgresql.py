"""Connections to PostgreSQL: how long they wait, and when they are given up."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

# libpq: give up on a server that does not answer, instead of waiting for the kernel's 15 min.
_TIMEOUTS = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
_SESSION = (
    "SET TIME ZONE 'UTC'",
    # A commit must be on disk before offsets are committed; `remote_apply` and such are kept.
    (
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    ),
    # Someone who holds a table for long is named in our health, instead of stopping us silently.
    ("SELECT set_config('lock_timeout', '30s', false) WHERE current_setting('lock_timeout') = '0'"),
)
_READ_ONLY = "25006"


def postgresql_engine(url: URL) -> Engine:
    """Return an engine; what the URL or the server sets itself is kept."""
    timeouts = {name: n for name, n in _TIMEOUTS.items() if name not in url.query}
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=timeouts)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "handle_error", _leave_a_server_that_takes_no_writes)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for statement in _SESSION:
            cursor.execute(statement)
    connection.commit()


def _leave_a_server_that_takes_no_writes(context: ExceptionContext) -> None:
    # After a fail-over an old primary may go on as a standby, and our connections with it: the
    # next try asks anew which of the URL's hosts takes writes.
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
