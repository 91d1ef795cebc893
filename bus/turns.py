"""Work that is done once for all that a turn of the event loop brings."""

import asyncio
from collections.abc import Callable
from functools import partial


class OncePerTurn:
    """Makes a call at the end of the loop's turn, however often it is asked for meanwhile."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._is_asked = False
        self._then: list[Callable[[], object]] = []

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

    def then(self, call: Callable[[], object]) -> None:
        """Make this call after the one that was asked for, in its turn; at once where none was."""
        if self._is_asked:
            self._then.append(call)
        else:
            call()

    async def done(self) -> None:
        """Return once the call that was asked for has been made."""
        waiter = asyncio.get_running_loop().create_future()
        self.then(partial(end_wait, waiter))
        await waiter

    def _answer(self) -> None:
        self._is_asked = False
        calls, self._then = self._then, []
        try:
            self._call()
        finally:
            for call in calls:
                call()


def end_wait(waiter: asyncio.Future[None]) -> None:
    """Let whoever waits go on, if anybody still does."""
    if not waiter.done():  # as where its task was cancelled
        waiter.set_result(None)
