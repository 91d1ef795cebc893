"""
Counts that outlive their process: metric values in memory that another process holds as well.

A process that is killed takes its metrics along, and with them the proof that its books
balanced. One that is supervised keeps them here instead.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, ClassVar, NamedTuple

import orjson

from bus.runtime.shared import SharedMemory

# An ingest has some 300 values; what comes beyond the last cell dies with its process.
CELLS = 8192
_NAMES_BYTES = 4 << 20
_CELL_BYTES = 8


class CellName(NamedTuple):
    """What a cell counts, in prometheus-client's words."""

    kind: str
    family: str
    sample: str
    labels: dict[str, str]
    help: str


class Cells:
    """One process' metric values, written by it and read by whoever made them."""

    def __init__(self, values: SharedMemory, names: SharedMemory) -> None:
        self._values = values
        self._names = names
        self._named = 0
        self._written = 0
        self.floats = values.view.cast("d")

    @classmethod
    def create(cls) -> "Cells":
        """Make cells, all zero and without names."""
        return cls(
            SharedMemory.create(CELLS * _CELL_BYTES),
            SharedMemory.create(_NAMES_BYTES),
        )

    @classmethod
    def opened(cls, files: Sequence[int]) -> "Cells":
        """Open cells by the `files` of another process."""
        values, names = files
        return cls(
            SharedMemory(values, CELLS * _CELL_BYTES),
            SharedMemory(names, _NAMES_BYTES),
        )

    @property
    def files(self) -> tuple[int, int]:
        """The descriptors to hand over."""
        return self._values.file, self._names.file

    def take(self, name: CellName) -> int | None:
        """Name the next cell and return its number; None where there is none left."""
        line = orjson.dumps(tuple(name)) + b"\n"
        start = self._written
        if self._named >= CELLS or start + len(line) > _NAMES_BYTES:
            return None
        self._names.view[start : start + len(line)] = line
        self._named += 1
        self._written = start + len(line)
        return self._named - 1

    def read(self) -> list[tuple[CellName, float]]:
        """Return every named cell's value."""
        text = bytes(self._names.view).rstrip(b"\0")
        lines = text[: text.rfind(b"\n") + 1].splitlines()
        names = (CellName(*orjson.loads(line)) for line in lines)
        return [(name, self.floats[number]) for number, name in enumerate(names)]

    def close(self) -> None:
        """Let go of the memory."""
        self.floats.release()
        self._values.close()
        self._names.close()


def keep_metrics_in(cells: Cells) -> None:
    """
    Make the metrics of this process that are declared from now on keep their values there.

    To be called before `bus.runtime.metrics` is imported.
    """
    from prometheus_client import values

    values.ValueClass = type("CellValue", (_CellValue,), {"cells": cells, "taking": Lock()})


class _CellValue:
    """prometheus-client's `MutexValue`, but for where the number lies: in one of `cells`."""

    cells: ClassVar[Cells]
    taking: ClassVar[AbstractContextManager[Any]]
    _multiprocess = False

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        **_: Any,
    ) -> None:
        labels = dict(zip(labelnames, labelvalues, strict=True))
        with self.taking:
            at = self.cells.take(CellName(typ, metric_name, name, labels, help_text))
        self._floats = self.cells.floats if at is not None else _a_float_of_its_own()
        self._at = at or 0
        self._lock = Lock()
        self._exemplar: Any = None

    def inc(self, amount: float) -> None:
        with self._lock:
            self._floats[self._at] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        del timestamp
        with self._lock:
            self._floats[self._at] = value

    def get(self) -> float:
        return self._floats[self._at]

    def set_exemplar(self, exemplar: Any) -> None:
        self._exemplar = exemplar

    def get_exemplar(self) -> Any:
        return self._exemplar


def _a_float_of_its_own() -> "memoryview[float]":
    return memoryview(bytearray(8)).cast("d")
