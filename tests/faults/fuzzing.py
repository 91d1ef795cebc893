"""Throws mutated calls at a running server, for a time, over many connections at once."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.faults.mutation import call

_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
# What an endpoint says that is too busy: 5xx, but no fault.
_BY_DESIGN = re.compile(rb'"reason":"(overloaded|not-durable)"')
_CONNECTIONS = 64
_SILENCE_S = 0.4


@dataclass(frozen=True, slots=True)
class Target:
    """A port, and the paths that lead somewhere on it."""

    port: int
    paths: Sequence[bytes]


@dataclass(slots=True)
class Findings:
    """What was answered how often, and calls that brought about a fault."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    by_design: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, sent: bytes, answer: bytes) -> None:
        """Count the answers to one call."""
        self.calls += 1
        statuses = [int(status) for status in _STATUS.findall(answer)]
        self.statuses.update(statuses)
        bad = sum(status >= 500 for status in statuses)
        excused = len(_BY_DESIGN.findall(answer)) if bad else 0
        self.by_design += min(bad, excused)
        if bad > excused:
            self.faults.append(f"{sent!r} -> {answer!r}")


async def fuzz(targets: Sequence[Target], seconds: float, seed: int) -> Findings:
    """Return what was found within the time; the same seed makes the same calls."""
    findings = Findings()
    ends_at = asyncio.get_running_loop().time() + seconds

    async def worker(number: int) -> None:
        rng = Random(seed * 1000 + number)  # noqa: S311 - the same on every run
        while asyncio.get_running_loop().time() < ends_at:
            target = rng.choice(targets)
            sent = call(rng, target.paths)
            findings.take(sent, await _talk(rng, target.port, sent))

    await asyncio.gather(*(worker(number) for number in range(_CONNECTIONS)))
    return findings


async def _talk(rng: Random, port: int, sent: bytes) -> bytes:
    """Send in one or more pieces from one of many addresses; return whatever comes back."""
    # Failed authentications are limited per source: one address alone would only see that.
    source = f"127.0.{rng.randrange(1, 200)}.{rng.randrange(1, 200)}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        at = rng.randrange(len(sent) + 1) if rng.random() < 0.3 else len(sent)
        for piece in (sent[:at], sent[at:]):
            writer.write(piece)
            await asyncio.sleep(0)
        end = rng.random()
        if end < 0.05 and writer.can_write_eof():
            writer.write_eof()
        return b"" if end > 0.95 else await _answers(reader)
    except OSError:
        return b""
    finally:
        writer.transport.abort()


async def _answers(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until it is silent: most calls are too broken to have an end."""
    answers = b""
    with contextlib.suppress(TimeoutError):
        while more := await asyncio.wait_for(reader.read(1 << 16), _SILENCE_S):
            answers += more
    return answers
