"""
Which jobs are played, what each sends, and in which order: decided by a seed alone.

Everything is made as it is asked for, so that a million jobs take no more memory than one.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from inferbus.simulate.envelope import make_request_id
from inferbus.simulate.shapes import FAILED, SUCCEEDED, Shape, make_body

# A job may come this many places late, its second delivery that many places after the first.
REORDER_SPAN = 50
DUPLICATE_SPAN = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play. `fail_ratio` and `duplicates` are shares of the jobs, between 0 and 1."""

    jobs: int
    seed: int
    fail_ratio: float = 0.0
    duplicates: float = 0.0
    is_reordered: bool = False

    @property
    def sendings(self) -> int:
        """How many deliveries are to be made."""
        return self.jobs + round(self.jobs * self.duplicates)


@dataclass(frozen=True, slots=True)
class Job:
    """One inference job: it ends once, whatever happens to its deliveries."""

    number: int
    request_id: str
    shape: str
    seed: int

    def body(self) -> bytes:
        """Return the bytes the provider sends; every delivery of the job has the same."""
        return make_body(self.shape, self.request_id, self.seed)


@dataclass(frozen=True, slots=True)
class Sending:
    """One delivery to make: a job's first, or its repetition."""

    job: Job
    is_duplicate: bool = False


def make_jobs(plan: Plan) -> Iterator[Job]:
    """Return the distinct jobs; exactly the planned share of them has failed."""
    rng = _random(plan.seed, "jobs")
    failing = choose(_random(plan.seed, "failures"), plan.jobs, plan.fail_ratio)
    shapes = {True: _shapes(rng, FAILED), False: _shapes(rng, SUCCEEDED)}
    for number, has_failed in enumerate(failing):
        shape = next(shapes[has_failed]).name
        yield Job(number, make_request_id(rng), shape, rng.getrandbits(64))


def make_sendings(plan: Plan) -> Iterator[Sending]:
    """Return every delivery in the order it is to be made."""
    rng = _random(plan.seed, "order")
    repeated = choose(_random(plan.seed, "duplicates"), plan.jobs, plan.duplicates)
    waiting: list[tuple[float, int, Sending]] = []
    tie = count()
    for job, is_repeated in zip(make_jobs(plan), repeated, strict=True):
        place = job.number + (rng.uniform(0, REORDER_SPAN) if plan.is_reordered else 0.0)
        heapq.heappush(waiting, (place, next(tie), Sending(job)))
        if is_repeated:
            later = place + _repeat_after(rng)
            heapq.heappush(waiting, (later, next(tie), Sending(job, is_duplicate=True)))
        while waiting and waiting[0][0] <= job.number:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def choose(rng: Random, total: int, share: float) -> Iterator[bool]:
    """Return `total` answers of which exactly the share is True, spread at random."""
    wanted = round(total * share)
    for left in range(total, 0, -1):
        is_chosen = rng.random() * left < wanted
        wanted -= is_chosen
        yield is_chosen


def _shapes(rng: Random, shapes: tuple[Shape, ...]) -> Iterator[Shape]:
    """Return each shape once, so that none is missed, then by weight without end."""
    yield from rng.sample(shapes, len(shapes))
    weights = [shape.weight for shape in shapes]
    while True:
        yield from rng.choices(shapes, weights, k=100)


def _repeat_after(rng: Random) -> float:
    """Every second repetition follows at once, while the first delivery is in flight."""
    return 0.0 if rng.random() < 0.5 else rng.uniform(1, DUPLICATE_SPAN)  # noqa: PLR2004


def _random(seed: int, purpose: str) -> Random:
    # One stream for each purpose: more duplicates do not change the jobs.
    return Random(f"{seed}/{purpose}")  # noqa: S311 - made-up content, nothing secret
