"""Blocking calls beside the event loop, that keep no process from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def in_thread(call: Callable[[], _Result]) -> _Result:
    """
    Return what `call` returns, from a daemon thread of its own.

    The executors of asyncio and concurrent.futures join their threads when the process ends:
    a store on a network that hangs would outlast every deadline of a stop.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Result] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not answer.done():
            settle()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            told = error
            settle: Callable[[], None] = lambda: answer.set_exception(told)  # noqa: E731
        else:
            settle = lambda: answer.set_result(result)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, settle)

    threading.Thread(target=run, name="blocking-call", daemon=True).start()
    return await answer
