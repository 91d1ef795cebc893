"""
Which Kafka and which PostgreSQL a test run takes, and why not the one before.

The order is the same for both: one that is named; a container, where an engine runs; programs
of this machine. A line each before the summary says the choice.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from sqlalchemy import URL, make_url

from tests.support import kafka, postgres
from tests.support.engine import KAFKA, POSTGRES, image, why_no_image

KAFKA_ENVIRONMENT = "INFERBUS_TEST_BOOTSTRAP_SERVERS"
POSTGRES_ENVIRONMENT = "INFERBUS_TEST_POSTGRES_URL"


@dataclass(frozen=True, slots=True)
class Source:
    """One way to a server: what it is, why it cannot be had here, how to come by its address."""

    name: str
    missing: str | None
    start: Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first source that can be had, if any, and why those before it cannot."""

    source: Source | None
    passed_over: tuple[str, ...]

    def line(self, otherwise: str) -> str:
        """Return it in one line; `otherwise` says what happens where nothing can be had."""
        taken = self.source.name if self.source else otherwise
        return f"{taken} ({'; '.join(self.passed_over)})" if self.passed_over else taken


def choose(sources: Sequence[Callable[[], Source]]) -> Choice:
    """Return the first source that can be had; those after it are not looked at."""
    passed_over: list[str] = []
    for look in sources:
        source = look()
        if source.missing is None:
            return Choice(source, tuple(passed_over))
        passed_over.append(source.missing)
    return Choice(None, tuple(passed_over))


def kafka_choice(named: str | None) -> Choice:
    """Choose a real Kafka; `named` are the bootstrap servers that the run was given, if any."""
    return choose([lambda: _named_kafka(named), _kafka_in_container, _kafka_of_jars])


def postgres_choice() -> Choice:
    """Choose a PostgreSQL whose user may create databases."""
    return choose([_named_postgres, _postgres_in_container, _postgres_of_debian])


def _named_kafka(named: str | None) -> Source:
    missing = None if named else "no --bootstrap-servers"
    return Source(str(named), missing, lambda: nullcontext(str(named)))


def _kafka_in_container() -> Source:
    def start() -> AbstractContextManager[str]:
        from tests.support.containers import kafka_container  # slow to import

        return kafka_container()

    return Source(f"{image(KAFKA)} by testcontainers", why_no_image(KAFKA), start)


def _kafka_of_jars() -> Source:
    name = f"Apache Kafka {kafka.KAFKA_VERSION} from Maven's jars"
    return Source(name, kafka.why_unavailable(), _one_node)


@contextmanager
def _one_node() -> Iterator[str]:
    with kafka.KafkaCluster() as cluster:
        yield cluster.bootstrap_servers


def _named_postgres() -> Source:
    named = os.environ.get(POSTGRES_ENVIRONMENT)
    if not named:
        return Source("", f"no {POSTGRES_ENVIRONMENT}", lambda: nullcontext(""))
    url = make_url(named).set(drivername="postgresql+psycopg")
    return Source(url.render_as_string(), None, lambda: nullcontext(_text(url)))


def _postgres_in_container() -> Source:
    @contextmanager
    def start() -> Iterator[str]:
        from tests.support.containers import postgres_container  # slow to import

        with postgres_container() as url:
            yield _text(url)

    return Source(f"{image(POSTGRES)} by testcontainers", why_no_image(POSTGRES), start)


def _postgres_of_debian() -> Source:
    return Source("Debian's PostgreSQL", postgres.why_no_binaries(), _one_server)


@contextmanager
def _one_server() -> Iterator[str]:
    with postgres.PostgresServer() as server:
        yield _text(server.url)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
