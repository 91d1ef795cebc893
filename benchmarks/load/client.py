"""The loop: what is due is sent, what is answered is counted."""

import itertools
import secrets
import select
import time
from collections import deque
from typing import Protocol

from benchmarks.load.bodies import body, kinds
from benchmarks.load.connection import Connection
from benchmarks.load.plan import Load, Plan
from benchmarks.load.tally import Tally

# Deliveries that were sent before the end are waited for: none is cut off under way.
_DRAIN_S = 20.0
_ID = b"B%s%011d"


class Pace(Protocol):
    """Says when deliveries are due."""

    def take(self, now: float) -> float | None:
        """Return the moment the next delivery was due, None where none is due yet."""
        ...

    def wait_s(self, now: float) -> float:
        """Return how long until the next one is due."""
        ...

    def missed(self, now: float) -> int:
        """Return how many were due by now and were never taken."""
        ...


class Closed:
    """A delivery is due whenever a connection is free."""

    def take(self, now: float) -> float | None:
        """See `Pace`."""
        return now

    def wait_s(self, now: float) -> float:
        """See `Pace`."""
        del now
        return 0.1

    def missed(self, now: float) -> int:
        """See `Pace`."""
        del now
        return 0


class Open:
    """A delivery is due at constant intervals, whatever became of those before it."""

    def __init__(self, rate: float, starts_at: float) -> None:
        self._interval_s = 1 / rate
        self._starts_at = starts_at
        self._taken = 0

    def take(self, now: float) -> float | None:
        """See `Pace`."""
        due = self._due()
        if due > now:
            return None
        self._taken += 1
        return due

    def wait_s(self, now: float) -> float:
        """See `Pace`."""
        return max(0.0, self._due() - now)

    def missed(self, now: float) -> int:
        """See `Pace`."""
        return max(0, int((now - self._starts_at) / self._interval_s) + 1 - self._taken)

    def _due(self) -> float:
        return self._starts_at + self._taken * self._interval_s


class Client:
    """Drives one plan to its end."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        self._cpu_at_start_s = 0.0
        self._epoll = select.epoll()
        self._by_fd: dict[int, Connection] = {}
        self._kinds = kinds(plan.bodies)
        self._run = secrets.token_hex(6).encode()  # no two runs share request ids
        self._numbers = itertools.count()
        self._heads = {kind: _head(plan.path, kind) for kind in plan.bodies}
        ports = itertools.cycle(plan.ports)
        made = [Connection(next(ports), self._epoll, self._add) for _ in range(plan.connections)]
        self._free = deque(made)

    def run(self) -> Load:
        """Send until the time is up, then wait for what is under way."""
        started, self._cpu_at_start_s = time.perf_counter(), time.process_time()
        ends_at = started + self._plan.seconds
        pace = Closed() if self._plan.rate is None else Open(self._plan.rate, started)
        while (now := time.perf_counter()) < ends_at:
            self._send_due(pace, now)
            self._serve(min(pace.wait_s(now) if self._free else 0.1, ends_at - now))
        unsent = pace.missed(ends_at)
        self._drain(ends_at + _DRAIN_S)
        return self._load(time.perf_counter() - started, unsent)

    def _send_due(self, pace: Pace, now: float) -> None:
        while self._free and (due := pace.take(now)) is not None:
            self._send(self._free.popleft(), due)

    def _send(self, connection: Connection, due: float) -> None:
        kind = next(self._kinds)
        its = body(kind)
        request_id = _ID % (self._run, next(self._numbers))
        connection.send([self._heads[kind] + its.before + request_id, its.after], due)

    def _drain(self, until: float) -> None:
        while len(self._free) < self._plan.connections and time.perf_counter() < until:
            self._serve(0.1)

    def _serve(self, timeout_s: float) -> None:
        for fd, happened in self._epoll.poll(timeout_s):
            connection = self._by_fd[fd]
            try:
                self._handle(connection, happened)
            except (ConnectionError, BrokenPipeError):
                self._tally.cut += 1
                self._renew(connection)

    def _handle(self, connection: Connection, happened: int) -> None:
        if happened & select.EPOLLOUT:
            connection.flush()
        if not happened & ~select.EPOLLOUT:
            return
        answer = connection.receive()
        if answer is not None:
            self._tally.add(answer, time.perf_counter() - connection.due)
            self._free.append(connection)

    def _renew(self, connection: Connection) -> None:
        del self._by_fd[connection.fd]
        connection.close()
        connection.connect()
        self._free.append(connection)

    def _add(self, connection: Connection) -> None:
        self._by_fd[connection.fd] = connection

    def _load(self, seconds: float, unsent: int) -> Load:
        p50, p99, longest = self._tally.percentiles_ms(0.5, 0.99, 1.0)
        return Load(
            seconds=seconds,
            answers=dict(self._tally.answers),
            spooled=self._tally.spooled,
            unsent=unsent,
            cut=self._tally.cut,
            p50_ms=p50,
            p99_ms=p99,
            max_ms=longest,
            cpu_s=time.process_time() - self._cpu_at_start_s,
        )


def _head(path: str, kind: str) -> bytes:
    size = body(kind).size(len(_ID % (b"0" * 12, 0)))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode()
