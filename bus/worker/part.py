"""A worker as a part of a process."""

import asyncio
import threading
from collections.abc import Callable

import structlog

from bus.fuse import FuseBlownError
from bus.worker.loop import Worker

log = structlog.get_logger()


class WorkerPart:
    """
    Runs a worker in a thread for as long as the process lives; says when it dies.

    A blown fuse ends the worker and not the process: its state says why.
    """

    _STOP_TIMEOUT_S = 15.0
    # A call to a broker that does not answer lasts 5 s, and leaving may take two of them.
    _LEAVE_TIMEOUT_S = 15.0

    def __init__(self, worker: Worker, fail: Callable[[str], None]) -> None:
        self.name = worker.consumer
        self._worker = worker
        self._fail = fail
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    async def start(self) -> None:
        """Start the thread; the worker connects by itself."""
        self._thread.start()

    async def stop(self) -> None:
        """Let the worker finish the batch in the handler's hands, then commit and leave."""
        self._worker.stop()
        await asyncio.to_thread(self._thread.join, self._STOP_TIMEOUT_S)

    async def leave(self) -> bool:
        """Leave the group until `rejoin`; return whether the worker has left."""
        return await asyncio.to_thread(self._worker.leave, self._LEAVE_TIMEOUT_S)

    def rejoin(self) -> None:
        """Join the group again, as a new member."""
        self._worker.rejoin()

    def _run(self) -> None:
        try:
            self._worker.run()
        except FuseBlownError as error:
            # Started anew it would park as many again: it stays stopped, and unready, until
            # somebody has looked.
            log.error("fuse_blown", consumer=self.name, reason=str(error))  # noqa: TRY400 - no bug of ours to trace
        except Exception as error:
            log.exception("worker_died", consumer=self.name)
            self._fail(f"{self.name}: {error}")
