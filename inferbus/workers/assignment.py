"""What a worker is given by its parent when it starts."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from bus.runtime.settings import Settings
from inferbus.handing import hand, handed


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
        hand(end, self)

    @classmethod
    def receive(cls, end: socket.socket) -> "Assignment":
        """Return what the parent sends; raises `EOFError` where it has gone."""
        assignment = handed(end)
        assert isinstance(assignment, cls)  # noqa: S101 - our own parent made it
        return assignment
