"""The tables on every engine: made by revisions, checked before they are used."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from consumers.database import DatabaseError, check, metadata, open_engine, reading, upgrade
from consumers.storage.tables import CURRENT_STATUS, EVENTS


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
    ("change", "missing"),
    [
        ("DROP VIEW current_status", "current_status is missing"),
        ("DROP TABLE conflicts", "conflicts is missing"),
        ("ALTER TABLE conflicts DROP COLUMN body_ref", "conflicts has no column body_ref"),
        ("DROP TABLE notifications", "notifications is missing"),
    ],
)
def test_tables_changed_by_hand_are_named(database_url: str, change: str, missing: str) -> None:
    """Also those of alerting."""
    upgrade(database_url)
    _run(database_url, change)

    [problem] = check(database_url)

    assert missing in problem


def test_an_upgrade_that_fails_leaves_nothing(database_url: str) -> None:
    """A table in the way stops it half-way; the tables before it must not stay."""
    _run(database_url, "CREATE TABLE dead_letters (x INTEGER)")

    with pytest.raises(Exception, match="dead_letters"):
        upgrade(database_url)

    engine = create_engine(database_url)
    with engine.connect() as connection, pytest.raises(Exception, match="events"):
        connection.execute(text("SELECT * FROM events"))
    engine.dispose()
