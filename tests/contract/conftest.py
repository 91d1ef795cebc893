"""An empty database on each engine that consumers must work with."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from consumers.database import open_engine, upgrade
from tests.support import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server, one for the whole run."""
    missing = postgres.why_unavailable()
    if missing is not None:
        pytest.skip(missing)
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'inferbus.db'}"
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with every table."""
    upgrade(database_url)
    with ExitStack() as closing:
        opened = open_engine(database_url)
        closing.callback(opened.dispose)
        yield opened
