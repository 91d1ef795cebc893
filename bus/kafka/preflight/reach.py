"""The first steps to a server: its name, its port."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bus.kafka.preflight.deadline import Deadline
from bus.kafka.preflight.verdicts import ProbeFailedError, Problem, failed, problem

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is said to be."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read host:port; the host of an IPv6 address stands in brackets."""
        host, _, port = text.strip().rpartition(":")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def connect(address: Address, deadline: Deadline) -> socket.socket:
    """Return a connected socket. Raises `ProbeFailedError`."""
    verdict: OSError | None = None
    rows = resolve(address, deadline)
    for tried, (family, kind, protocol, _, where) in enumerate(rows):
        sock = socket.socket(family, kind, protocol)
        # One dead address of several, often the IPv6 one, must not use up all the time.
        sock.settimeout(deadline.left_s() / (len(rows) - tried))
        try:
            sock.connect(where)
        except OSError as error:
            sock.close()
            verdict = error
        else:
            return sock
    raise ProbeFailedError(connect_problem(verdict or OSError("no address"), address, deadline))


def connect_problem(error: OSError, address: Address, deadline: Deadline) -> Problem:
    """Say what a failed connect means."""
    if isinstance(error, ConnectionRefusedError):
        return problem("refused", str(address))
    if isinstance(error, TimeoutError):
        return problem("connect-timeout", str(address), waited=deadline.span_s)
    return problem("unreachable", str(address), why=error.strerror or str(error))


def resolve(address: Address, deadline: Deadline) -> list[Any]:
    """Return `getaddrinfo`'s rows. Raises `ProbeFailedError`."""

    def ask() -> list[Any]:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)

    try:
        return _in_time(ask, deadline)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label over 63 letters
        raise failed("unresolved", str(address), host=address.host) from error


def _in_time(ask: Callable[[], _Answer], deadline: Deadline) -> _Answer:
    """Run what has no time-out of its own; raise `TimeoutError` where it takes too long."""
    answers: list[_Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            errors.append(error)

    thread = threading.Thread(target=run, name="inferbus-resolve", daemon=True)
    thread.start()
    thread.join(deadline.left_s())
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError
    return answers[0]
