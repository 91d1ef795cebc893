"""One worker process, as its parent holds it."""

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from dataclasses import dataclass

from bus.runtime.cells import Cells
from bus.runtime.settings import Settings
from inferbus.workers.assignment import Assignment
from inferbus.workers.channel import Channel
from ingest.spool.share import Sizes

_EXIT_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all workers of a service share."""

    settings: Settings
    listeners: Sequence[socket.socket]
    sizes: Sizes


class Child:
    """A process that was started, what it counts, and how to talk with it."""

    def __init__(self, process: Process, channel: Channel, cells: Cells) -> None:
        self.channel = channel
        self.cells = cells
        self._process = process

    @classmethod
    async def start(cls, number: int, equipment: Equipment) -> "Child":
        """
        Start worker `number`, a program of its own. Raises OSError.

        To be called on the main thread: Linux ends a child with the thread that started it.
        """
        cells = Cells.create()
        ours, theirs = socket.socketpair()
        assignment = Assignment(
            number,
            equipment.settings,
            [each.fileno() for each in equipment.listeners],
            cells.files,
            equipment.sizes.file,
        )
        try:
            process = await _spawn(number, theirs.fileno(), assignment.files)
        except BaseException:
            ours.close()
            cells.close()
            raise
        finally:
            theirs.close()
        # One that has ended by now hears nothing, and is seen to have ended.
        with contextlib.suppress(OSError):
            assignment.send(ours)
        return cls(process, await Channel.over(ours), cells)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it at once. Does nothing where it has ended."""
        if self._process.returncode is None:
            self._process.kill()

    async def status(self) -> int:
        """Return its exit status, minus the signal's number; one that does not end is killed."""
        try:
            async with asyncio.timeout(_EXIT_PATIENCE_S):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()

    def close(self) -> None:
        """Let go of what belonged to it."""
        self.channel.close()
        self.cells.close()


async def _spawn(number: int, control: int, files: Sequence[int]) -> Process:
    # -P: what lies in the working directory is no package of ours.
    command = [sys.executable, "-P", "-m", "inferbus.workers.process"]
    return await asyncio.create_subprocess_exec(
        *(*command, str(number), str(os.getpid()), str(control)),
        stdin=DEVNULL,
        pass_fds=(control, *files),
        # A group of its own: Ctrl-C leaves it to the parent to end it in order.
        start_new_session=True,
    )
