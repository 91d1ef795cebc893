"""What the journal's thread is asked to do, and how those who asked are told."""

import asyncio
import queue
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bus.turns import OncePerTurn
from ingest.spool.frames import Entry
from ingest.spool.segments import Segments

MAX_BATCH = 512
# How long a job may wait for another one: alone it would wake the thread, which costs as much as
# an append.
SOON_S = 0.02
Answer = TypeVar("Answer")
Resolve = Callable[[], None]


class Append(NamedTuple):
    """An entry to write, and who is told once it is on disk."""

    entry: Entry
    size: int
    done: "asyncio.Future[int]"


class Release(NamedTuple):
    """An entry that need not be published again."""

    id: int


class Refuse(NamedTuple):
    """An entry to set aside."""

    id: int
    reason: str


class Ask(NamedTuple):
    """Something only the thread that owns the segments may look up."""

    look: Callable[[Segments], Resolve]


Job = Append | Release | Refuse | Ask


class JobQueue:
    """
    Jobs on their way from the event loop to the journal's thread.

    Handed over once for all that a turn of the loop brings: each time wakes the thread.
    """

    def __init__(self) -> None:
        self._fresh: list[Job] = []
        self._turn = OncePerTurn(self._hand_over)
        self._handing: asyncio.TimerHandle | None = None
        self._jobs: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()

    def put(self, job: Job) -> None:
        """Have it done."""
        self._fresh.append(job)
        self._turn.ask()

    def put_soon(self, job: Job) -> None:
        """Have it done with the next one that is put, `SOON_S` from now at the latest."""
        self._fresh.append(job)
        if self._handing is None:
            self._handing = asyncio.get_running_loop().call_later(SOON_S, self._hand_over_late)

    def close(self) -> None:
        """Hand over what is there; it is the last."""
        self._hand_over()
        self._jobs.put(None)

    def take(self) -> tuple[list[Job], bool]:
        """Wait; return what is to be done next, and whether there may be more. On the thread."""
        jobs: list[Job] = []
        more = self._jobs.get()
        try:
            while more is not None:
                jobs += more
                if len(jobs) >= MAX_BATCH:
                    return jobs, True
                more = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, True
        return jobs, False

    def _hand_over_late(self) -> None:
        self._handing = None
        self._hand_over()

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            self._jobs.put(fresh)


def succeed(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    """Give the answer to whoever still waits."""
    if not future.done():
        future.set_result(answer)


def fail(future: "asyncio.Future[Answer]", error: Exception) -> None:
    """Raise the error in whoever still waits."""
    if not future.done():
        future.set_exception(error)


def read_some(segments: Segments, ids: Sequence[int], max_bytes: int) -> list[Entry | None]:
    """See `Journal.read`."""
    found: list[Entry | None] = []
    left = max_bytes
    for entry_id in ids:
        if left <= 0:
            break
        entry = segments.read(entry_id)
        found.append(entry)
        left -= 0 if entry is None else len(entry.value)
    return found
