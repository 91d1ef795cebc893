"""The publisher of `up`: put aside while the embedded broker is replaced, made anew after."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from bus.errors import PublishTimeoutError
from bus.protocols import Publisher, Tell
from bus.records import Position, Record

_AWAY = "the embedded broker is being replaced"


class RenewablePublisher:
    """
    A publisher that leaves a broker before it is replaced, like the consumers.

    One that stayed would find the empty broker before its topics are made, and this broker
    takes such records: it gives their offsets away again with the topic, and then refuses
    every record that would get one of them.
    """

    def __init__(self, make: Callable[[], Publisher]) -> None:
        self._make = make
        self._publisher: Publisher | None = make()

    async def publish(self, record: Record) -> Position:
        """See `Publisher`. Raises `PublishTimeoutError` while the broker is replaced."""
        if self._publisher is None:
            raise PublishTimeoutError(_AWAY)
        return await self._publisher.publish(record)

    def send(self, record: Record, settled: Tell) -> None:
        """See `Publisher`."""
        if self._publisher is None:
            settled(PublishTimeoutError(_AWAY))
        else:
            self._publisher.send(record, settled)

    def submit(self, record: Record) -> "Future[Position]":
        """See `Publisher`."""
        if self._publisher is not None:
            return self._publisher.submit(record)
        future: Future[Position] = Future()
        future.set_exception(PublishTimeoutError(_AWAY))
        return future

    def healthy(self) -> str | None:
        """See `Publisher`."""
        return _AWAY if self._publisher is None else self._publisher.healthy()

    def unanswered_s(self) -> float:
        """See `Publisher`."""
        return 0.0 if self._publisher is None else self._publisher.unanswered_s()

    def close(self, timeout_s: float = 10.0) -> None:
        """See `Publisher`."""
        if self._publisher is not None:
            self._publisher.close(timeout_s)

    async def leave(self) -> bool:
        """Send nothing more to the broker that goes; what it has not answered for has failed."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await asyncio.to_thread(publisher.close, 0.0)
        return True

    def rejoin(self) -> None:
        """Publish to the broker that is there now."""
        if self._publisher is None:
            self._publisher = self._make()
