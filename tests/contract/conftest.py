"""A database with every table, on each engine that consumers must work with."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine

from consumers.database import open_engine, upgrade


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with every table."""
    upgrade(database_url)
    with ExitStack() as closing:
        opened = open_engine(database_url)
        closing.callback(opened.dispose)
        yield opened
