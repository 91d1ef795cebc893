"""Rounds: contenders take turns, so that a slower minute of the machine hits all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Measured = TypeVar("_Measured")


def turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield (round, name) for each turn; the order rotates so that none always goes first."""
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            yield number, name


def interleaved(
    names: Sequence[str],
    rounds: int,
    measure: Callable[[str], _Measured],
    progress: Callable[[str], None],
) -> dict[str, list[_Measured]]:
    """Return what each contender did, one entry a round."""
    done: dict[str, list[_Measured]] = {name: [] for name in names}
    for number, name in turns(names, rounds):
        progress(f"round {number + 1} of {rounds}, {name}")
        done[name].append(measure(name))
    return done
