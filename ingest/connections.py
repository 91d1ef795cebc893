"""How many connections may be open, and which one goes where there are too many."""

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import structlog

from bus.runtime import metrics

log = structlog.get_logger()

# Files the process needs besides its senders' connections: Kafka, the spool, blobs, the log.
_OTHER_FILES = 256
_TELL_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most connections at once, and how long the head of a request may take to arrive."""

    max_connections: int = 4096
    head_timeout_s: float = 10.0


class Connection(Protocol):
    """One open connection, as far as it matters here."""

    is_busy: bool
    has_asked: bool

    def drop(self) -> None:
        """Close it at once."""
        ...


class Connections:
    """
    The open connections, the oldest first.

    Where there are too many, the oldest that waits for a request goes, one that never sent a
    request before one that did: whoever holds connections open and says nothing keeps nobody
    else out. A connection whose request is being answered is never dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[Connection, None] = {}
        self._told_at = -_TELL_EVERY_S

    def __len__(self) -> int:
        return len(self._open)

    def add(self, newcomer: Connection) -> None:
        """Count a connection; drop one, perhaps itself, where it is one too many."""
        self._open[newcomer] = None
        metrics.CONNECTIONS.inc()
        if len(self._open) > self._limit:
            self._tell()
            metrics.CONNECTIONS_DROPPED.labels("too-many").inc()
            self._least_missed(newcomer).drop()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed or about to be."""
        if connection in self._open:
            del self._open[connection]
            metrics.CONNECTIONS.dec()

    def _least_missed(self, newcomer: Connection) -> Connection:
        idle = next((each for each in self._idle(newcomer) if not each.has_asked), None)
        return idle or next(self._idle(newcomer), newcomer)

    def _idle(self, newcomer: Connection) -> Iterator[Connection]:
        return (each for each in self._open if not each.is_busy and each is not newcomer)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            log.warning("connections_at_limit", limit=self._limit)


def openable(wanted: int) -> int:
    """
    Return how many connections the process can hold, `wanted` or less.

    Raises its limit of open files as far as that needs and the system lets it; without files
    left nothing is accepted, and the spool cannot write either.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    can = wanted if soft == resource.RLIM_INFINITY else max(1, soft - _OTHER_FILES)
    if can < wanted:
        log.warning("few_open_files", connections=can, wanted=wanted, hint="raise `ulimit -n`")
    return min(can, wanted)
