"""One call at a time in a thread beside the caller's."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class Aside(Generic[_Argument, _Result]):
    """
    Runs a function in a thread of its own, so that its caller can do something else meanwhile.

    The thread is a daemon: a call that never ends keeps no process from ending, as one in a
    thread pool would.
    """

    def __init__(self, name: str, function: Callable[[_Argument], _Result]) -> None:
        self._function = function
        self._calls: SimpleQueue[tuple[_Argument, Future[_Result]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def begin(self, argument: _Argument) -> "Future[_Result]":
        """Begin a call; the future gets what it returns or raises."""
        future: Future[_Result] = Future()
        self._calls.put((argument, future))
        return future

    def close(self) -> None:
        """End the thread, after the call under way."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            argument, future = call
            try:
                future.set_result(self._function(argument))
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                future.set_exception(error)
            del call, argument, future  # a batch must not live until the next one comes
