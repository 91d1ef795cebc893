"""
PostgreSQL away, full, slow, read-only, replaced: consumers wait, lose nothing and park nothing.

On a server of this module's own, started from Debian's programs, with a role that may read,
insert and update only.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, insert, make_url
from structlog.testing import capture_logs

from bus.errors import Transient
from bus.memory import MemoryBus
from consumers.database import open_engine, upgrade
from consumers.storage.queries import totals
from consumers.storage.sinks.base import Batch
from consumers.storage.sinks.mapping import event_values, quarantine_values
from consumers.storage.sinks.sql import SqlSink
from consumers.storage.tables import EVENTS, QUARANTINE
from schemas.topics import TopicNames
from tests.support import postgres
from tests.support.consuming import Consuming, consuming, settings_for, until
from tests.support.kafka import why_no_small_disk
from tests.support.kafka.disk import fill, free
from tests.support.postgres import PostgresServer, faults
from tests.support.storage import NOON, a_held_delivery, an_event, batch_of

pytestmark = pytest.mark.needs("postgres")

Fault = Callable[[PostgresServer, str], AbstractContextManager[None]]
RIGHTS = f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {faults.APP}"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """The server that these tests break, and mend."""
    with PostgresServer() as server:
        faults.make_app_role(server)
        yield server


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    """A database with every table, as the services' own role."""
    with postgres.database(server.url) as owned:
        yield as_app(owned)


def as_app(owned: str) -> str:
    """Upgrade as the owner; return the URL for services."""
    upgrade(owned)
    postgres.run(make_url(owned), RIGHTS)
    app = make_url(owned).set(username=faults.APP, password="hush")
    return app.render_as_string(hide_password=False)


def names(first: int, count: int = 30) -> list[str]:
    return [f"R{n:03}" for n in range(first, first + count)]


async def stored(run: Consuming, events: int) -> None:
    """Wait until storage and alerting have all events; nothing was parked on the way."""
    wanted = {"events": events, "conflicts": 0, "quarantine": 0, "dead_letters": 0}
    wanted["seen"] = events // 3
    await until(lambda: run.counted() == wanted, lambda: (run.counted(), run.reasons()))
    await until(lambda: run.health.report()[0], run.reasons)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(faults.stopped, "Connection refused", id="restart"),
        pytest.param(faults.killed, "Connection refused", id="killed"),
        pytest.param(faults.full, "too many connections", id="connection-limit"),
        pytest.param(faults.read_only, "read-only transaction", id="read-only"),
        pytest.param(faults.slow, "due to statement timeout", id="statement-timeout"),
        pytest.param(faults.held, "due to lock timeout", id="held-table"),
    ],
)
async def test_a_fault_is_named_waited_for_and_outlived(
    server: PostgresServer, url: str, tmp_path: Path, fault: Fault, reason: str
) -> None:
    """Both consumers say in health what is wrong, without a secret, and go on by themselves."""
    bus = MemoryBus(TopicNames().all)
    with capture_logs() as lines:
        async with consuming(bus, settings_for(tmp_path, url)) as run:
            await run.publish(*names(0))
            await stored(run, 30)
            with fault(server, str(make_url(url).database)):
                await run.publish(*names(30))
                await until(lambda: _says(run, "storage", reason), run.reasons)
                await until(lambda: _says(run, "alerting", reason), run.reasons)
                said = run.reasons()
                assert not run.health.report()[0]
            await stored(run, 60)

    assert bus.records(TopicNames().of("deadletter")) == []
    assert "hush" not in said + str(lines)


def _says(run: Consuming, check: str, reason: str) -> bool:
    return reason in str(run.health.report()[1][check]["reason"])


async def test_killed_backends_cost_nothing(
    server: PostgresServer, url: str, tmp_path: Path
) -> None:
    """The server ends every connection and recovers, twice in mid-stream."""
    bus = MemoryBus(TopicNames().all)
    async with consuming(bus, settings_for(tmp_path, url)) as run:
        await run.publish(*names(0))
        await stored(run, 30)
        for round_ in range(1, 3):
            await asyncio.to_thread(server.kill_backend, faults.APP)
            await run.publish(*names(30 * round_))
            await stored(run, 30 * (round_ + 1))

    assert bus.records(TopicNames().of("deadletter")) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A server's small disk, and a database on it."""
    with PostgresServer() as server:
        faults.make_app_role(server)
        disk = server.make_tablespace("small", 64)
        with postgres.database(server.url) as owned:
            name = make_url(owned).database
            postgres.run(server.url, f"ALTER DATABASE {name} SET default_tablespace = small")
            yield disk, as_app(owned)


@pytest.mark.skipif(why_no_small_disk() is not None, reason=f"full disk: {why_no_small_disk()}")
async def test_a_full_disk_is_waited_for(small: tuple[Path, str], tmp_path: Path) -> None:
    """Rows are stored once there is room again."""
    disk, url = small
    bus = MemoryBus(TopicNames().all)
    async with consuming(bus, settings_for(tmp_path, url)) as run:
        await run.publish(*names(0))
        await stored(run, 30)
        fill(disk)
        await run.publish(*names(30, 150))
        await until(lambda: _says(run, "storage", "No space left on device"), run.reasons)
        free(disk)
        await stored(run, 180)

    assert bus.records(TopicNames().of("deadletter")) == []


@pytest.mark.parametrize(
    ("isolation", "expected"),
    [
        ("repeatable\\ read", "could not serialize access"),
        ("read\\ committed", "deadlock detected"),
    ],
)
def test_writers_in_each_others_way_try_again(
    server: PostgresServer, url: str, isolation: str, expected: str
) -> None:
    """A deadlock and a failure to serialize are the transaction's fault, not the batch's."""
    owner = make_url(url).set(username="tester", password=None)
    # Whoever waits first looks first whether it waits in a circle.
    options = f"-c deadlock_timeout=500ms -c default_transaction_isolation={isolation}"
    engine = open_engine(_text(owner.update_query_dict({"options": options})))
    other = open_engine(_text(owner.update_query_dict({"options": "-c deadlock_timeout=20s"})))
    held = a_held_delivery()
    batch, verdicts = batch_of([an_event("a"), an_event("b")], [held]), list[str]()
    writing = threading.Thread(target=_write, args=(engine, batch, verdicts))

    with postgres.connection(owner) as watcher, other.begin() as holder:
        if expected == "deadlock detected":
            _insert(holder, "b")
        else:
            [arrived] = batch.quarantined
            holder.execute(insert(QUARANTINE).values(quarantine_values(arrived, NOON)))
        writing.start()
        faults.wait_until_blocked(watcher)
        if expected == "deadlock detected":
            _insert(holder, "a")
    writing.join(20)

    assert [expected in verdict for verdict in verdicts] == [True], verdicts
    SqlSink(engine).write(batch)
    assert totals(engine)["events"] == 2
    engine.dispose()
    other.dispose()


def test_a_writer_that_was_forestalled_tries_again_at_once(
    server: PostgresServer, url: str
) -> None:
    """Another one commits the same event while ours waits for it: neither is told of trouble."""
    engine, other, verdicts = open_engine(url), open_engine(url), list[str]()
    batch = batch_of([an_event("a"), an_event("b")])
    writing = threading.Thread(target=_write, args=(engine, batch, verdicts))

    with postgres.connection(make_url(url).set(username="tester", password=None)) as watcher:
        with other.begin() as holder:
            _insert(holder, "b")
            writing.start()
            faults.wait_until_blocked(watcher)
        writing.join(20)

    stored = totals(engine)
    engine.dispose()
    other.dispose()
    assert (verdicts, stored["events"], stored["conflicts"]) == ([], 2, 0)


def _write(engine: Engine, batch: Batch, verdicts: list[str]) -> None:
    try:
        SqlSink(engine).write(batch)
    except Transient as verdict:
        verdicts.append(str(verdict))


def _insert(connection: Connection, request_id: str) -> None:
    [arrived] = batch_of([an_event(request_id)]).events
    connection.execute(insert(EVENTS).values(event_values(arrived, NOON)))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def two(server: PostgresServer, url: str) -> Iterator[tuple[PostgresServer, str]]:
    """A standby that has every commit, and the URL of both servers."""
    with PostgresServer(standby_of=server) as standby:
        server.set("synchronous_standby_names", "*")
        hosts = [f"127.0.0.1:{each.port}" for each in (server, standby)]
        both = make_url(url).set(host=None, port=None)
        yield (
            standby,
            _text(both.update_query_dict({"host": hosts, "target_session_attrs": "read-write"})),
        )
        server.set("synchronous_standby_names", "")


async def test_a_fail_over_loses_nothing(
    server: PostgresServer, two: tuple[PostgresServer, str], tmp_path: Path
) -> None:
    """Both are named in the URL; consumers find the one that takes writes, without a restart."""
    standby, both = two
    bus = MemoryBus(TopicNames().all)
    async with consuming(bus, settings_for(tmp_path, both)) as run:
        await run.publish(*names(0))
        await stored(run, 30)
        server.kill()
        await run.publish(*names(30))
        await until(lambda: _says(run, "storage", "connection failed"), run.reasons)
        standby.promote()
        await stored(run, 60)
        server.start()

    assert bus.records(TopicNames().of("deadletter")) == []


def test_a_primary_that_became_a_standby_is_left(
    server: PostgresServer, two: tuple[PostgresServer, str]
) -> None:
    """Its connections live on, so the first refused write must look for another server."""
    standby, both = two
    engine = open_engine(both)
    sink = SqlSink(engine)
    sink.write(batch_of([an_event("before")]))
    standby.promote()
    server.set("default_transaction_read_only", "on")

    with pytest.raises(Transient, match="read-only"):
        sink.write(batch_of([an_event("after")]))
    sink.write(batch_of([an_event("after")]))

    assert totals(engine)["events"] == 2
    engine.dispose()
    server.set("default_transaction_read_only", "off")
