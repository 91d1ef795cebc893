"""Starting a relay's process."""

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec

from bus.runtime.settings import Settings
from inferbus.handing import hand
from ingest.relay.relay import StartRelay


def relay_for(settings: Settings) -> StartRelay | None:
    """Return what starts relays of an ingress with these settings, None where it needs none."""
    if settings.spool.answer != "spool":  # who waits for Kafka is told positions
        return None

    async def start() -> "_Started":
        return await _start(settings)

    return start


class _Started:
    def __init__(self, process: Process, end: socket.socket) -> None:
        self._process = process
        self._end = end

    async def connect(self, link: asyncio.Protocol) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=self._end)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def status(self) -> int:
        return await self._process.wait()


async def _start(settings: Settings) -> _Started:
    """To be called on the main thread: Linux ends a child with the thread that started it."""
    ours, theirs = socket.socketpair()
    try:
        process = await create_subprocess_exec(
            # -P: what lies in the working directory is no package of ours.
            *(sys.executable, "-P", "-m", "inferbus.relay.process"),
            *(str(os.getpid()), str(theirs.fileno())),
            stdin=DEVNULL,
            pass_fds=(theirs.fileno(),),
            # A group of its own: Ctrl-C leaves it to the ingress to end it in order.
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    # One that has ended by now hears nothing, and is seen to have ended.
    with contextlib.suppress(OSError):
        hand(ours, settings)
    return _Started(process, ours)
