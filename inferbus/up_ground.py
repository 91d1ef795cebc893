"""What `up` stands on: the broker, its topics, the tables."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from bus.errors import BusUnavailableError
from bus.protocols import Admin, Bus
from bus.runtime.settings import Settings
from bus.runtime.settings_sections import KafkaSettings
from inferbus.errors import ProblemError
from inferbus.parts import port_problem
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from bus.devbroker import EmbeddedBroker

log = structlog.get_logger()


class Ground:
    """
    A part, the first one: a broker unless the settings name one, the topics and the tables.

    After the start `settings` hold the address of the broker in use and `bus` reaches it.
    """

    name = "ground"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bus: Bus
        self.broker: EmbeddedBroker | None = None

    async def start(self) -> None:
        """Start the broker while the tables are made, then make the topics."""
        try:
            await _all(self._start_broker(), asyncio.to_thread(self._make_tables))
            await self.make_topics()
        except BaseException:
            await self.stop()
            raise

    async def make_topics(self) -> None:
        """Make what topics are missing. Raises `BusUnavailableError`."""
        await asyncio.to_thread(self._make_topics)

    async def stop(self) -> None:
        """Stop the broker."""
        if self.broker is not None:
            await self.broker.stop()

    async def _start_broker(self) -> None:
        if "bootstrap_servers" in self.settings.kafka.model_fields_set:
            return
        from bus.devbroker import EmbeddedBroker

        broker = EmbeddedBroker(self.settings.data_dir)
        await broker.start()
        self.broker = broker
        # Nothing but the group prefix of the settings is meant for the broker on loopback.
        kafka = KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers,
            group_prefix=self.settings.kafka.group_prefix,
        )
        # A broker that forgets proves nothing by its acknowledgement.
        spool = self.settings.spool.model_copy(update={"mode": "always"})
        self.settings = self.settings.model_copy(update={"kafka": kafka, "spool": spool})

    def _make_tables(self) -> None:
        from consumers import database

        database.upgrade(self.settings.database_url)

    def _make_topics(self) -> None:
        from bus.kafka import EMBEDDED, KafkaBus
        from bus.topics import ensure_topics

        if self.broker is None:
            refuse_unreachable(self.settings.kafka)
        self.bus = KafkaBus(self.settings.kafka, EMBEDDED if self.broker else None)
        admin = self.bus.admin()
        try:
            names = TopicNames(self.settings.topics.prefix)
            ensure_topics(admin, names, self.settings.topics)
        finally:
            admin.close()


class CatchUp:
    """
    A part whose stop waits until the consumers have settled all that was published.

    The embedded broker forgets when it ends: what is not stored by then is lost.
    """

    name = "catch-up"
    _PATIENCE_S = 8.0
    _EVERY_S = 0.1

    def __init__(
        self, bus: Bus, settings: Settings, broker_problem: Callable[[], str | None]
    ) -> None:
        self._bus = bus
        self._broker_problem = broker_problem
        names = TopicNames(settings.topics.prefix)
        prefix = settings.kafka.group_prefix
        self._groups = {f"{prefix}-storage": names.stored, f"{prefix}-alerting": names.alerted}

    async def start(self) -> None:
        """Do nothing: there is nothing to wait for yet."""

    async def stop(self) -> None:
        """Wait, a few seconds at most, for both groups; for none once the broker is dead."""
        if self._broker_problem() is not None:
            return
        admin = await asyncio.to_thread(self._bus.admin)
        try:
            left = await self._wait(admin)
        finally:
            await asyncio.to_thread(admin.close)
        if left:
            log.warning("records_left_unsettled", records=left, broker="embedded")

    async def _wait(self, admin: Admin) -> int:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._PATIENCE_S
        while left := await asyncio.to_thread(self._left, admin):
            if loop.time() > ends_at:
                break
            await asyncio.sleep(self._EVERY_S)
        return left

    def _left(self, admin: Admin) -> int:
        left = 0
        for group, topics in self._groups.items():
            committed = admin.committed(group)
            ends = admin.end_offsets(topics)
            left += sum(max(0, end - committed.get(at, 0)) for at, end in ends.items())
        return left


async def _all(*starts: Awaitable[None]) -> None:
    """Await all of them, also where one fails; then raise the first failure."""
    for outcome in await asyncio.gather(*starts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def refuse_unreachable(kafka: KafkaSettings) -> None:
    """Raise `BusUnavailableError` at once where no server can be used; the client takes seconds."""
    from bus.kafka.preflight import first_obstacle

    for problem in first_obstacle(kafka):
        raise BusUnavailableError(problem.message)


def refuse_taken_port(host: str, port: int, option: str) -> None:
    """Raise `ProblemError` where the port is in use, before anything is started."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _name, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ProblemError(port_problem(error, host, port, option)) from error
