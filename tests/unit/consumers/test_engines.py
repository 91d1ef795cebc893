"""Connections: where they lead, how they lock, what their errors tell."""

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bus.runtime.settings_names import SettingsError
from consumers.database import check, error_line, open_engine, reading, upgrade
from consumers.engines import parse_url


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine on a new file."""
    return open_engine(f"sqlite:///{tmp_path / 'new' / 'deep' / 'inferbus.db'}")


def test_the_folder_and_the_file_are_private(tmp_path: Path) -> None:
    """Bodies may be anything that people ask a model."""
    file = tmp_path / "data" / "inferbus.db"

    upgrade(f"sqlite:///{file}")

    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_sqlite_commits_reach_the_disk(engine: Engine) -> None:
    """WAL with synchronous=FULL: a power cut loses nothing whose offsets are committed."""
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 5000


def test_writers_that_read_first_wait_for_each_other(engine: Engine) -> None:
    """Storage and alerting share a process; neither may end in a lock that does not resolve."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    def add(times: int) -> None:
        for _ in range(times):
            with engine.begin() as connection:
                n = connection.execute(text("SELECT n FROM t")).scalar() or 0
                connection.execute(text("UPDATE t SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=add, args=(20,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    with reading(engine) as connection:
        assert connection.execute(text("SELECT n FROM t")).scalar() == 40


def test_a_reader_waits_for_no_writer(engine: Engine) -> None:
    """It sees what was committed before."""
    with engine.begin() as writer:
        writer.execute(text("CREATE TABLE t (n INTEGER)"))
    with engine.begin() as writer:
        writer.execute(text("INSERT INTO t VALUES (1)"))
        with reading(engine) as reader:
            assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://h/d", "postgresql+asyncpg://h/d", "postgresql://h:port/d"],
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    """In one line that names the setting and says which ones can, without repeating secrets."""
    with pytest.raises(SettingsError, match=r"INFERBUS_STORAGE__URL.*sqlite:///"):
        open_engine(url)


def test_a_password_with_a_bare_at_is_refused_without_a_part_of_it() -> None:
    """What follows the first @ would be taken for the host, and named in every error."""
    with pytest.raises(SettingsError, match="%40") as caught:
        open_engine("postgresql://u:hu@sh@h/d")

    assert "sh@" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgres://u:p@h/d"])
def test_the_short_names_of_postgresql_are_understood(url: str) -> None:
    """Many hosts hand these out."""
    assert parse_url(url).drivername == "postgresql+psycopg"


def test_a_check_makes_nothing(tmp_path: Path) -> None:
    """Neither the file nor its folder."""
    [problem] = check(f"sqlite:///{tmp_path / 'a' / 'inferbus.db'}")

    assert "there is no database" in problem
    assert not (tmp_path / "a").exists()


def test_a_check_names_a_file_that_is_no_database(tmp_path: Path) -> None:
    """One line, no traceback."""
    (tmp_path / "inferbus.db").write_bytes(b"no database" * 100)

    [problem] = check(f"sqlite:///{tmp_path / 'inferbus.db'}")

    assert "not a database" in problem


def test_passwords_and_values_stay_out_of_errors() -> None:
    """PostgreSQL quotes the failing row in its detail; a URL may hold a password."""
    error = OperationalError(
        "INSERT", {"body": "secret"}, Exception("no to postgresql://u:hush@h/d\nDETAIL: secret")
    )

    line = error_line(error)

    assert line == "no to postgresql://u:***@h/d"


def test_an_error_of_the_engine_shows_no_parameters(engine: Engine) -> None:
    """Bodies are parameters."""
    with reading(engine) as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT * FROM nowhere WHERE x = :x"), {"x": "secret"})

    assert "secret" not in str(caught.value)
