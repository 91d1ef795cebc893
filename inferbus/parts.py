"""Small parts that processes are put together from."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog
from aiohttp import web

from bus.protocols import Publisher
from bus.runtime.health import Health, Reports, admin_app, own_metrics
from bus.runtime.lifecycle import Part
from inferbus.errors import ProblemError
from inferbus.urls import local_url

log = structlog.get_logger()


class Deferred:
    """A part that is made when it starts, because it needs what an earlier one found out."""

    def __init__(self, name: str, make: Callable[[], Part]) -> None:
        self.name = name
        self._make = make
        self._part: Part | None = None

    async def start(self) -> None:
        """Make the part and start it."""
        self._part = self._make()
        await self._part.start()

    async def stop(self) -> None:
        """Stop the part."""
        if self._part is not None:
            await self._part.stop()


class AdminServer:
    """Serves `/livez`, `/readyz` and `/metrics`; `url` is known after the start."""

    name = "admin"

    def __init__(
        self,
        host: str,
        port: int,
        health: Reports,
        option: str,
        expose: Callable[[], Awaitable[bytes]] = own_metrics,
    ) -> None:
        self.url = ""
        self._host = host
        self._port = port
        self._option = option
        self._runner = web.AppRunner(admin_app(health, expose), access_log=None)

    async def start(self) -> None:
        """Listen; port 0 takes a free one. Raises `ProblemError` where the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await listening(site.start(), self._host, self._port, self._option)
        self.url = local_url(self._host, self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()


class Endpoint(Part, Protocol):
    """A part that listens; `url` is known after its start."""

    url: str


class Listening:
    """A part that listens: when its port cannot be had, the error says which option to change."""

    def __init__(self, part: Endpoint, host: str, port: int, option: str) -> None:
        self.name = part.name
        self._part = part
        self._address = (host, port, option)

    @property
    def url(self) -> str:
        """Where it listens, after its start."""
        return self._part.url

    async def start(self) -> None:
        """Start the part; raises `ProblemError` where the port is taken."""
        await listening(self._part.start(), *self._address)

    async def stop(self) -> None:
        """Stop the part."""
        await self._part.stop()


class PublisherPart:
    """
    Owns a publisher: closed after those who publish through it have stopped.

    A publisher connects by itself; with patience the start waits for that, so that the first
    delivery need not go to the spool.
    """

    name = "publisher"
    _EVERY_S = 0.01

    def __init__(self, publisher: Publisher, patience_s: float = 0.0) -> None:
        self._publisher = publisher
        self._patience_s = patience_s

    async def start(self) -> None:
        """Return when connected, or when the patience ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while self._publisher.healthy() is not None:  # noqa: ASYNC110 - it is state, no event
                    await asyncio.sleep(self._EVERY_S)

    async def stop(self) -> None:
        """Wait for what was handed over, then close."""
        await asyncio.to_thread(self._publisher.close)


class Announcement:
    """The last part of a service: says in the log that it runs, and that it is asked to stop."""

    name = "announcement"

    def __init__(self, service: str, addresses: Callable[[], Mapping[str, str]]) -> None:
        self._service = service
        self._addresses = addresses

    async def start(self) -> None:
        """Log where it is reached, known only now where a port is 0."""
        log.info("service_started", service=self._service, **self._addresses())

    async def stop(self) -> None:
        """Log the beginning of the end, which may take seconds."""
        log.info("service_stopping", service=self._service)


class Idle:
    """A part that does nothing, where the settings ask for none."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


class Together:
    """Parts that start one after the other and stop all at once: each takes its time to end."""

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self.name = name
        self._parts = parts
        self._started: list[Part] = []

    async def start(self) -> None:
        """Start each; where one cannot, stop those before it."""
        try:
            for part in self._parts:
                await part.start()
                self._started.append(part)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all that were started; raise the first failure once all have ended."""
        for outcome in await asyncio.gather(
            *(part.stop() for part in self._started), return_exceptions=True
        ):
            if isinstance(outcome, BaseException):
                raise outcome


class Readiness:
    """A part whose start waits until every check is content, so that ready means ready."""

    name = "readiness"
    _EVERY_S = 0.02

    def __init__(self, health: Health, patience_s: float = 15.0) -> None:
        self._health = health
        self._patience_s = patience_s

    async def start(self) -> None:
        """Return when ready, or when the patience ends: what fails then is in the log."""
        try:
            async with asyncio.timeout(self._patience_s):
                while not self._health.report()[0]:  # noqa: ASYNC110 - checks are state, not events
                    await asyncio.sleep(self._EVERY_S)
        except TimeoutError:
            _, checks = self._health.report()
            failing = {name: said["reason"] for name, said in checks.items() if said["reason"]}
            log.warning("not_ready_yet", **failing)

    async def stop(self) -> None:
        """Do nothing."""


async def listening(start: Awaitable[None], host: str, port: int, option: str) -> None:
    """Await a server's start; a port that cannot be had becomes one line that says what to do."""
    try:
        await start
    except OSError as error:
        raise ProblemError(port_problem(error, host, port, option)) from error


def port_problem(error: OSError, host: str, port: int, option: str) -> str:
    """Say why an address cannot be listened on and which option changes it."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use: stop what listens there, or choose another with"
            f" {option} (0 takes a free one)"
        )
    what = f"cannot listen on {host} port {port}: {error.strerror or error}"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{what}: name an address of this machine, or 0.0.0.0 for all of them"
    return f"{what} ({option} chooses)"
