"""One worker's share of the spool: which sub-spool is its own, and how full all of them are."""

from collections.abc import Callable
from dataclasses import dataclass

from bus.runtime.shared import SharedMemory

_SIZE_BYTES = 8


class Sizes:
    """Bytes on disk of every worker's sub-spools, each written by its worker and read by all."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._sizes = memory.view.cast("Q")

    @classmethod
    def create(cls, workers: int) -> "Sizes":
        """Make room for the sizes of so many workers."""
        return cls(SharedMemory.create(workers * _SIZE_BYTES))

    @classmethod
    def opened(cls, file: int, workers: int) -> "Sizes":
        """Open sizes by the `file` of another process."""
        return cls(SharedMemory(file, workers * _SIZE_BYTES))

    @property
    def file(self) -> int:
        """The descriptor to hand over."""
        return self._memory.file

    def tell(self, worker: int, size: int) -> int:
        """Say how much one worker's sub-spools hold; return what those of the others do."""
        self._sizes[worker] = size
        return sum(self._sizes) - size


def nothing_else(size: int) -> int:
    """Say that there are no other workers."""
    del size
    return 0


@dataclass(frozen=True, slots=True)
class SpoolShare:
    """
    Which of how many workers this process is.

    `others` is told the size of this worker's sub-spools and says that of the other workers',
    for the limit is one for all.
    """

    worker: int = 0
    workers: int = 1
    others: Callable[[int], int] = nothing_else


ALONE = SpoolShare()
