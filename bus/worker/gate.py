"""Taking a worker off its broker for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Shut, it keeps the worker outside of its group. Safe from any thread."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        self._is_open.set()
        self._is_empty = threading.Event()
        self._is_empty.set()

    @property
    def is_shut(self) -> bool:
        """Whether the worker is to be outside."""
        return not self._is_open.is_set()

    def shut(self, timeout_s: float) -> bool:
        """Have the worker leave its group; return whether it has within the timeout."""
        self._is_open.clear()
        return self._is_empty.wait(timeout_s)

    def open(self) -> None:
        """Let the worker join again."""
        self._is_open.set()

    def wait_open(self, timeout_s: float) -> None:
        """Return once it is open, or after the timeout."""
        self._is_open.wait(timeout_s)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be in the group for as long as this lasts."""
        self._is_empty.clear()
        try:
            yield
        finally:
            self._is_empty.set()
