"""Blocking calls beside the event loop, that keep no process from ending."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")
_Tell = Callable[[], None]
_Call = Callable[[], _Tell]
"""Does the work; what it returns tells whoever waits for it, at once."""
# Threads that wait for the next call. Starting one for each costs the event loop 100 µs, for it
# waits until the thread runs.
_KEPT = 8


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """
    Return what `call` returns, from a daemon thread that does nothing else meanwhile.

    The executors of asyncio and concurrent.futures join their threads when the process ends:
    a store on a network that hangs would outlast every deadline of a stop. And they have so
    many threads only: here a call that hangs holds up no other.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Result] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not answer.done():
            settle()

    def run() -> _Tell:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            told = error
            settle: Callable[[], None] = lambda: answer.set_exception(told)  # noqa: E731
        else:
            settle = lambda: answer.set_result(result)  # noqa: E731
        return partial(_call_soon, loop, partial(tell, settle))

    _THREADS.run(run)
    return await answer


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(call)


class _Threads:
    """Runs each call at once: in a thread that is idle, or in a new one."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._idle = 0
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()

    def run(self, call: _Call) -> None:
        """Have the call made; it must not raise."""
        with self._lock:
            has_idle = self._idle > 0
            self._idle -= has_idle  # one that waits is there for this call, whichever it is
        if has_idle:
            self._calls.put(call)
        else:
            args = (call,)
            threading.Thread(target=self._work, args=args, name="blocking", daemon=True).start()

    def _work(self, call: _Call) -> None:
        stays = True
        while stays:
            tell = call()
            with self._lock:
                stays = self._idle < self._kept
                self._idle += stays
            tell()  # after the count: who calls next, having heard of it, finds this thread
            del call, tell  # an idle thread keeps no body
            if stays:
                call = self._calls.get()


_THREADS = _Threads(_KEPT)
