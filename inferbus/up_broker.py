"""The embedded broker kept alive and small: it is replaced, and nothing is lost by that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from bus.errors import BusError
from bus.runtime.health import Check

log = structlog.get_logger()

# It frees nothing: 1.3 KB of its memory for each record of a kilobyte, so this is every
# 90,000 records or so. Well above what the spool lets be unsettled, else it would not help.
MEMORY_LIMIT_BYTES = 128 << 20
_EVERY_S = 0.5
_TRIES = 5
_TRY_AGAIN_S = 1.0


class Broker(Protocol):
    """The broker, as far as it is replaced."""

    def alive(self) -> str | None:
        """Return None while it runs, otherwise the reason."""
        ...

    def memory_bytes(self) -> int | None:
        """Return its resident memory where that is known."""
        ...

    async def renew(self) -> None:
        """Replace it by an empty one; raises `BusError`."""
        ...


class Member(Protocol):
    """A consumer or publisher, as far as it must not see two brokers in one life."""

    async def leave(self) -> bool:
        """Leave the broker; return whether it has."""
        ...

    def rejoin(self) -> None:
        """Come as somebody new."""
        ...


class BrokerCare:
    """
    A part: asks twice a second whether the broker lives and is small, and else replaces it.

    Consumers leave first and join anew after, since their offsets mean nothing on an empty
    broker, and so does the publisher, which must not get there before the topics; `restore`
    makes these and has everything published again that no consumer has settled. `fail` is
    called when no broker can be started.
    """

    name = "broker-care"

    def __init__(
        self,
        broker: Broker,
        members: Callable[[], Sequence[Member]],
        restore: Callable[[], Awaitable[None]],
        fail: Callable[[str], None],
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._broker = broker
        self._members = members
        self._restore = restore
        self._fail = fail
        self._memory_limit_bytes = memory_limit_bytes
        self._task: asyncio.Task[None] | None = None
        self.replaced = 0
        """How often it has been."""

    def check(self) -> Check:
        """Answer for the health report: while it is away the spool takes deliveries."""
        return Check(self._broker.alive(), is_degraded=True)

    async def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._care())

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _care(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            if (reason := self._broker.alive() or self._too_large()) is not None:
                await self._replace(reason)

    def _too_large(self) -> str | None:
        size = self._broker.memory_bytes()
        if size is None or size <= self._memory_limit_bytes:
            return None
        return f"the embedded broker takes {size >> 20} MiB and never frees any"

    async def _replace(self, reason: str) -> None:
        log.warning("broker_replaced", reason=reason)
        members = self._members()
        await asyncio.gather(*(_left(member) for member in members))
        try:
            await self._renew()
        except BusError as error:
            self._fail(str(error))
            return
        finally:
            for member in members:
                member.rejoin()
        self.replaced += 1

    async def _renew(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                await self._broker.renew()
                await self._restore()
            except BusError as error:
                if not left:
                    raise
                log.warning("broker_not_renewed", reason=str(error))
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                return


async def _left(member: Member) -> None:
    while not await member.leave():  # its handler is busy, with a database that is away say
        log.warning("consumer_busy", remedy="waiting until it has left the broker")
