"""What a worker is given by its parent when it starts."""

import pickle
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bus.runtime.settings import Settings

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which worker it is, the settings of the service, and the descriptors it was handed."""

    number: int
    settings: Settings
    listeners: Sequence[int]
    cells: Sequence[int]
    sizes: int

    @property
    def files(self) -> tuple[int, ...]:
        """All descriptors, to be left open in the worker."""
        return (*self.listeners, *self.cells, self.sizes)

    def send(self, end: socket.socket) -> None:
        """Send it to the worker."""
        content = pickle.dumps(self)
        end.sendall(_LENGTH.pack(len(content)) + content)

    @classmethod
    def receive(cls, end: socket.socket) -> "Assignment":
        """Return what the parent sends; raises `EOFError` where it has gone."""
        (size,) = _LENGTH.unpack(_exactly(end, _LENGTH.size))
        assignment = pickle.loads(_exactly(end, size))  # noqa: S301 - our own parent made it
        assert isinstance(assignment, cls)  # noqa: S101 - same
        return assignment


def _exactly(end: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = end.recv(size - len(content))
        if not part:
            raise EOFError("the parent has gone")
        content += part
    return content
