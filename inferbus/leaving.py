"""How an endpoint leaves: it says so, and goes on serving until load balancers have noticed."""

import asyncio
from typing import Protocol


class Endpoint(Protocol):
    """What can leave."""

    def leave(self) -> None:
        """Be unready and let go of each connection with its answer; all else goes on."""
        ...

    async def stop_accepting(self) -> None:
        """Take no new connections; those there are go on."""
        ...


class Leaving:
    """
    A part, the last one of an ingest: its stop comes first and takes `grace_s`.

    Where others go on listening on the same socket, `accepts` is false: new connections are
    for them from the first moment on.
    """

    name = "leaving"

    def __init__(self, endpoint: Endpoint, grace_s: float, *, accepts: bool = True) -> None:
        self.accepts = accepts
        self._endpoint = endpoint
        self._grace_s = grace_s

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Say it, then wait."""
        self._endpoint.leave()
        if not self.accepts:
            await self._endpoint.stop_accepting()
        await asyncio.sleep(self._grace_s)
