"""Sampled stacks, summed up: by function, and by what the innermost frame belongs to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

_PROJECT = str(Path(__file__).parents[2]) + "/"
_ROOMS = ("schemas", "bus", "ingest", "consumers", "inferbus")
_LIBRARY = "/lib/python"
_PACKAGES = "/site-packages/"


class Share(msgspec.Struct, frozen=True):
    """A name and its part of all samples: where it was innermost, and where it was at all."""

    name: str
    own: float
    total: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """
    One profile: what was profiled under which load, and its shares.

    `groups` add up to 1: each sample counts for what its innermost frame belongs to.
    `functions` are our own and others' by what they took with all that they called.
    """

    target: str
    date: str
    commit: str
    load: str
    samples: int
    groups: Sequence[Share]
    functions: Sequence[Share]


def shares(stacks: Iterable[str]) -> tuple[int, list[Share], list[Share]]:
    """
    Return the number of samples, the shares by group and the shares by function.

    A stack is a line of py-spy's raw format: frames from the outermost on, `;` between them,
    then a blank and how often it was seen.
    """
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    samples = 0
    for line in stacks:
        text, _, count = line.rpartition(" ")
        frames = [frame for frame in text.split(";") if "(" in frame and "thread (" not in frame]
        if not frames:
            continue
        seen = int(count)
        samples += seen
        own[_function(frames[-1])] += seen
        groups[_group(frames)] += seen
        for name in {_function(frame) for frame in frames}:
            total[name] += seen
    by_group = [Share(name, n / samples, n / samples) for name, n in groups.most_common()]
    by_function = [Share(name, own[name] / samples, n / samples) for name, n in total.most_common()]
    return samples, by_group, by_function


def _function(frame: str) -> str:
    """Return `module: function` without line numbers, so that a function is one entry."""
    name, _, place = frame.rpartition(" (")
    return f"{_module(place)}: {name}"


def _module(place: str) -> str:
    path = place.rpartition(":")[0] or place.rstrip(")")
    for marker in (_PACKAGES, _LIBRARY, _PROJECT):
        before, found, rest = path.rpartition(marker)
        if found and not (marker == _LIBRARY and not before):
            return rest.partition("/")[2] if marker == _LIBRARY else rest
    return path


def _group(frames: Sequence[str]) -> str:
    """
    Return what a sample was for: the innermost frame of ours, or a library that called itself.

    json called by our envelope counts for the envelope; what no code of ours has called
    counts for the library or for Python.
    """
    for frame in reversed(frames):
        module = _module(frame.rpartition(" (")[2])
        room, _, rest = module.partition("/")
        if room in _ROOMS and not _is_entry(module):
            return f"{room}/{rest.partition('.py')[0]}"
        if room in {"aiohttp", "kafka", "prometheus_client", "structlog", "sqlalchemy"}:
            return room
    return "asyncio and threads"


def _is_entry(module: str) -> bool:
    # The command line is at the bottom of every stack and says nothing.
    return module.startswith(("inferbus/cli", "inferbus/commands"))
