"""What a subject is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Subject:
    """
    One question: its name on the command line, the question, how it is answered.

    `how` is printed under its table. `run` raises `BenchError` where this machine cannot.
    """

    name: str
    asks: str
    how: str
    run: Callable[[Bench], Sequence[Figure]]
