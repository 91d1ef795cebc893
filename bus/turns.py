"""Work that is done once for all that a turn of the event loop brings."""

import asyncio
from collections.abc import Callable


class OncePerTurn:
    """Makes a call at the end of the loop's turn, however often it is asked for meanwhile."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._is_asked = False
        self._waiting: list[asyncio.Future[None]] = []

    def ask(self) -> None:
        """Have the call made soon; at once where no loop runs."""
        if self._is_asked:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._call()
            return
        self._is_asked = True
        loop.call_soon(self._answer)

    async def done(self) -> None:
        """Return once the call that was asked for has been made."""
        if self._is_asked:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def _answer(self) -> None:
        self._is_asked = False
        waiting, self._waiting = self._waiting, []
        try:
            self._call()
        finally:
            for waiter in waiting:
                if not waiter.done():  # as where its task was cancelled
                    waiter.set_result(None)
