"""Bring the tables up to date, or say in what they are not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bus.runtime.masking import mask_url
from consumers.drift import drift
from consumers.engines import error_line, open_engine, parse_url, reading, sqlite_file

_SCRIPTS = Path(__file__).parent / "migrations"
_UPGRADE = "run `inferbus db upgrade`"
_RESTORE = "the tables were changed by hand: put it back or restore a backup"


class DatabaseError(Exception):
    """The database cannot be brought up to date; the message says what to do."""


def upgrade(url: str) -> list[str]:
    """
    Apply the missing revisions, all or none, and return them.

    Several may call it at once: the later ones wait and find nothing to do. Raises
    `DatabaseError` for a database that a newer version made.
    """
    file = sqlite_file(parse_url(url))
    engine = open_engine(url)
    if file is not None:
        file.touch(mode=0o600)  # bodies may be private
    try:
        with engine.begin() as connection:
            return _upgrade(connection, url)
    finally:
        engine.dispose()


def _upgrade(connection: Connection, url: str) -> list[str]:
    if connection.dialect.name == "postgresql":
        _wait_for_other_upgrades(connection)
    unknown = _unknown_revisions(connection)
    if unknown:
        raise DatabaseError(f"{mask_url(url)} {_of_newer_version(unknown)}")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    missing = _missing_revisions(connection)
    command.upgrade(config, "head")
    return missing


def _wait_for_other_upgrades(connection: Connection) -> None:
    """Wait as long as another one takes, but not for ever for a table that someone holds."""
    limit = connection.scalar(text("SHOW lock_timeout"))
    set_limit = text("SELECT set_config('lock_timeout', :limit, true)")
    connection.execute(set_limit, {"limit": "0"})
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('inferbus-upgrade'))"))
    connection.execute(set_limit, {"limit": limit})


def check(url: str) -> list[str]:
    """
    Return what keeps the consumers from using this database, one line each that says what to do.

    Empty where it is up to date. Nothing is made and nothing changed.
    """
    file = sqlite_file(parse_url(url))
    if file is not None and not file.exists():
        return [f"{mask_url(url)}: there is no database: {_UPGRADE}"]
    engine = open_engine(url)
    try:
        with reading(engine) as connection:
            return [f"{mask_url(url)}: {problem}" for problem in _problems(connection)]
    except DBAPIError as error:
        return [f"{mask_url(url)}: the database cannot be used: {error_line(error)}"]
    finally:
        engine.dispose()


def _problems(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql" and (unfit := _why_unfit(connection)):
        return [unfit]
    unknown = _unknown_revisions(connection)
    if unknown:
        return [_of_newer_version(unknown)]
    missing = _missing_revisions(connection)
    if missing:
        return [f"the tables are behind, without {', '.join(missing)}: {_UPGRADE}"]
    return [f"{difference}: {_RESTORE}" for difference in drift(connection)]


def _why_unfit(connection: Connection) -> str | None:
    """Say what of the PostgreSQL server itself keeps rows from being stored."""
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        return f"its encoding is {encoding}: make a database with ENCODING 'UTF8'"
    if connection.scalar(text("SHOW transaction_read_only")) == "on":
        return "it takes no writes: name the primary, or wait until this server is it"
    return None


def _of_newer_version(unknown: list[str]) -> str:
    return (
        f"is at revision {', '.join(unknown)}, which this version of inferbus does not know:"
        " install the version that made it, or restore a backup"
    )


def _unknown_revisions(connection: Connection) -> list[str]:
    known = {script.revision for script in _scripts().walk_revisions()}
    return [revision for revision in _current(connection) if revision not in known]


def _missing_revisions(connection: Connection) -> list[str]:
    wanted = _scripts().iterate_revisions("heads", _current(connection) or "base")
    return [script.revision for script in wanted][::-1]


def _current(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
