"""Memory that several processes see, and that outlives any one of them."""

import mmap
import os
import tempfile


class SharedMemory:
    """
    Some bytes behind a file descriptor that can be handed to another program; all zeros at first.

    It lasts until the last process that holds the descriptor has ended.
    """

    def __init__(self, file: int, size: int) -> None:
        self.file = file
        self._map = mmap.mmap(file, size)
        self.view = memoryview(self._map)

    @classmethod
    def create(cls, size: int) -> "SharedMemory":
        """Make memory of `size` bytes."""
        file = _anonymous_file()
        os.truncate(file, size)
        return cls(file, size)

    def close(self) -> None:
        """Let go of it. Views of it must have been released."""
        self.view.release()
        self._map.close()
        os.close(self.file)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("inferbus")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
