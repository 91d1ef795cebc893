"""The tables on every engine: made by revisions, checked before they are used."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, insert, inspect, make_url, text

import consumers
from consumers.database import DatabaseError, check, metadata, open_engine, reading, upgrade
from consumers.storage import queries
from consumers.storage.sinks.mapping import event_values
from consumers.storage.tables import CURRENT_STATUS, EVENTS
from tests.support import postgres
from tests.support.storage import NOON, an_event, batch_of

SCRIPTS = Path(consumers.__file__).parent / "migrations"
REVISIONS = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()][::-1]


def _run(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_an_upgrade_makes_what_is_missing_and_then_nothing(database_url: str) -> None:
    """It says which revisions it applied."""
    first, second = upgrade(database_url), upgrade(database_url)

    assert first[0] == "0001"
    assert first == sorted(first)
    assert second == []
    assert check(database_url) == []


def test_several_upgrades_at_once_are_one(database_url: str) -> None:
    """Every replica of a deployment may run it at its start."""
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(upgrade(database_url))) for _ in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(map(len, applied)) == [0, 0, max(map(len, applied))]
    assert check(database_url) == []


def test_the_revisions_make_the_tables_that_are_declared(engine: Engine) -> None:
    """Columns, types, keys and indexes."""
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []


def test_the_view_has_the_columns_of_the_table(engine: Engine) -> None:
    """Whoever reads the one can read the other."""
    with reading(engine) as connection:
        columns = connection.execute(text("SELECT * FROM current_status")).keys()

    assert list(columns) == [column.name for column in EVENTS.columns]
    assert [column.name for column in CURRENT_STATUS.columns] == list(columns)


def test_a_database_without_tables_is_named(database_url: str) -> None:
    """The line says what to run."""
    [problem] = check(database_url)

    assert "`inferbus db upgrade`" in problem


def test_a_database_that_is_behind_is_named(database_url: str) -> None:
    """With the revisions it lacks."""
    latest = upgrade(database_url)[-1]
    _run(database_url, "UPDATE alembic_version SET version_num = '0001'")

    [problem] = check(database_url)

    assert latest in problem
    assert "`inferbus db upgrade`" in problem


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    """An old version must neither use nor change it."""
    upgrade(database_url)
    _run(database_url, "UPDATE alembic_version SET version_num = '9999'")

    [problem] = check(database_url)

    assert "9999" in problem
    with pytest.raises(DatabaseError, match="9999"):
        upgrade(database_url)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DROP VIEW current_status", "view current_status is missing"),
        ("DROP TABLE conflicts", "table conflicts is missing"),
        ("DROP TABLE notifications", "table notifications is missing"),
        ("ALTER TABLE conflicts DROP COLUMN body_ref", "table conflicts has no column body_ref"),
        ("DROP INDEX events_by_time", "index events_by_time on events is missing"),
        (
            "CREATE UNIQUE INDEX once ON events (request_id)",
            "events got a constraint of its own: once",
        ),
    ],
)
def test_tables_changed_by_hand_are_named(database_url: str, change: str, expected: str) -> None:
    """In one line that says what to do; also those of alerting."""
    upgrade(database_url)
    _run(database_url, change)

    [problem] = check(database_url)

    assert f": {expected}: the tables were changed by hand" in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "ALTER TABLE events ALTER COLUMN tokens_input TYPE integer",
            "column events.tokens_input is INTEGER, not BIGINT",
        ),
        (
            "ALTER TABLE events ALTER COLUMN model SET NOT NULL",
            "column events.model must not be NULL",
        ),
        (
            "ALTER TABLE events ADD COLUMN team text NOT NULL",
            "column events.team was added and must not be NULL",
        ),
        (
            "ALTER TABLE events DROP CONSTRAINT events_pkey",
            "table events has the primary key (), not (event_id)",
        ),
        (
            "ALTER TABLE conflicts ADD FOREIGN KEY (event_id) REFERENCES events",
            "conflicts got a constraint of its own: conflicts_event_id_fkey",
        ),
        (
            "ALTER TABLE notifications DROP CONSTRAINT notifications_dedup_key_fkey",
            "table notifications has no foreign key ['dedup_key']",
        ),
    ],
)
def test_changes_that_only_postgresql_allows_are_named(
    postgres_url: str, change: str, expected: str
) -> None:
    """A column of another type, a key that is gone: rows would be refused, or stored twice."""
    upgrade(postgres_url)
    view = "DROP VIEW current_status" if "TYPE" in change else "SELECT 1"
    _run(postgres_url, view, change)

    assert any(f": {expected}: the tables" in problem for problem in check(postgres_url))


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE teams (name TEXT NOT NULL)",
        "CREATE INDEX by_job ON events (job)",
        "CREATE VIEW failures AS SELECT * FROM events WHERE outcome = 'failed'",
        "ALTER TABLE events ADD COLUMN team TEXT",
        "ALTER TABLE events ADD COLUMN cluster TEXT NOT NULL DEFAULT 'a'",
    ],
)
def test_what_someone_adds_beside_is_no_drift(database_url: str, change: str) -> None:
    """Dashboards bring tables, views and indexes of their own."""
    upgrade(database_url)
    _run(database_url, change)

    assert check(database_url) == []


def test_a_database_of_another_encoding_is_named(postgres_server: URL) -> None:
    """It could not hold every text; each such row would be parked."""
    name = f"inferbus_test_{uuid4().hex[:12]}"
    postgres.run(
        postgres_server,
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    try:
        url = postgres_server.set(database=name).render_as_string(hide_password=False)

        [problem] = check(url)
    finally:
        postgres.run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
    assert "encoding is LATIN1" in problem


def test_a_server_that_takes_no_writes_is_named(postgres_url: str) -> None:
    """A standby, say: consumers wait until it is the primary."""
    upgrade(postgres_url)
    url = make_url(postgres_url)
    postgres.run(url, f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")

    [problem] = check(postgres_url)

    assert "it takes no writes" in problem


def _upgrade_to(url: str, revision: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(SCRIPTS))
        command.upgrade(config, revision)
    engine.dispose()


def _insert_event(engine: Engine, request_id: str) -> None:
    """Insert as far as the table has columns already."""
    [arrived] = batch_of([an_event(request_id)]).events
    with engine.begin() as connection:
        there = {column["name"] for column in inspect(connection).get_columns("events")}
        values = {name: v for name, v in event_values(arrived, NOON).items() if name in there}
        connection.execute(insert(EVENTS).values(values))


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_every_earlier_revision_is_brought_up_to_date(database_url: str, revision: str) -> None:
    """With its rows; the outcome is the same as from nothing."""
    _upgrade_to(database_url, revision)
    engine = open_engine(database_url)
    _insert_event(engine, "before")

    [behind] = check(database_url)
    applied = upgrade(database_url)

    later = REVISIONS[REVISIONS.index(revision) + 1 :]
    assert f"without {', '.join(later)}: run `inferbus db upgrade`" in behind
    assert applied == later
    assert check(database_url) == []
    assert [row.event_id for row in queries.events(engine)] == ["deepinfra:before:succeeded"]
    engine.dispose()


def test_revisions_are_one_line(database_url: str) -> None:
    """Each has one before it and one after it, so that walking them tries every path."""
    heads = ScriptDirectory(str(SCRIPTS)).get_heads()

    assert heads == REVISIONS[-1:]
    assert upgrade(database_url) == REVISIONS


def test_an_upgrade_that_fails_leaves_nothing(database_url: str) -> None:
    """A table in the way stops it half-way; the tables before it must not stay."""
    _run(database_url, "CREATE TABLE dead_letters (x INTEGER)")

    with pytest.raises(Exception, match="dead_letters"):
        upgrade(database_url)

    engine = create_engine(database_url)
    with engine.connect() as connection, pytest.raises(Exception, match="events"):
        connection.execute(text("SELECT * FROM events"))
    engine.dispose()
