"""What the journal's thread is asked to do, and how those who asked are told."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ingest.spool.frames import Entry
from ingest.spool.segments import Segments

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
