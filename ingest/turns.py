"""Work that is done once for all that a turn of the event loop brings."""

import asyncio
from collections.abc import Callable


class OncePerTurn:
    """Makes a call at the end of the loop's turn, however often it is asked for meanwhile."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._is_asked = False

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

    def _answer(self) -> None:
        self._is_asked = False
        self._call()
