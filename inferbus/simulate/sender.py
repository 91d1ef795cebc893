"""Sends what was planned, as DeepInfra does: again, a few times, on 400 and above."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

from inferbus.simulate.endpoint import Answer
from inferbus.simulate.plan import Sending
from inferbus.simulate.report import Tally


@dataclass(frozen=True, slots=True)
class Manner:
    """
    How deliveries are made.

    DeepInfra documents "a few attempts" without count or spacing: three retries after
    `backoff_s`, twice and four times that, each with jitter.
    """

    concurrency: int = 16
    rate: float | None = None
    retries: int = 3
    backoff_s: float = 0.5

    def wait_s(self, retry: int, jitter: float) -> float:
        """Return the wait before the retry of that number (from 0); jitter is around 1."""
        doubled: float = self.backoff_s * 2**retry
        return doubled * jitter


class Target(Protocol):
    """Where deliveries go."""

    async def probe(self) -> Answer:
        """Ask whether the URL is there."""
        ...

    async def post(self, body: bytes) -> Answer:
        """Deliver one body."""
        ...


class Sender:
    """
    Makes deliveries until all are made or `stop` is called.

    `progress` is called after each.
    """

    def __init__(
        self,
        target: Target,
        manner: Manner,
        tally: Tally,
        *,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._target = target
        self._manner = manner
        self._tally = tally
        self._progress = progress
        self._stopping = asyncio.Event()
        self._jitter = Random()  # noqa: S311 - spreads retries, nothing secret
        self._next_start_s = 0.0

    def stop(self) -> None:
        """Begin no further delivery; those under way are finished without further waiting."""
        self._stopping.set()

    async def probe(self) -> Answer:
        """Send the HEAD; only a connection that fails is tried again."""
        for retry in range(self._manner.retries + 1):
            answer = await self._target.probe()
            if answer.problem is None or not await self._is_to_retry(answer, retry):
                break
        return answer

    async def send_all(self, sendings: Iterator[Sending]) -> None:
        """Make every delivery, as many at a time as the manner allows."""
        self._next_start_s = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._manner.concurrency):
                tasks.create_task(self._take_turns(sendings))

    async def _take_turns(self, sendings: Iterator[Sending]) -> None:
        for sending in sendings:
            await self._keep_pace()
            if self._stopping.is_set():
                return
            await self._deliver(sending)
            self._progress()

    async def _keep_pace(self) -> None:
        if self._manner.rate is None:
            return
        start_s = self._next_start_s
        self._next_start_s += 1 / self._manner.rate
        await self._pause(start_s - asyncio.get_running_loop().time())

    async def _deliver(self, sending: Sending) -> None:
        body = sending.job.body()
        self._tally.begin(sending)
        for retry in range(self._manner.retries + 1):
            answer = await self._target.post(body)
            self._tally.count(answer, is_retry=retry > 0)
            if not await self._is_to_retry(answer, retry):
                break
        self._tally.end(sending, is_accepted=answer.is_accepted)

    async def _is_to_retry(self, answer: Answer, retry: int) -> bool:
        """Tell whether to try once more, after the wait that comes before it."""
        if not answer.is_retried or retry >= self._manner.retries:
            return False
        await self._pause(self._manner.wait_s(retry, self._jitter.uniform(0.5, 1.5)))
        return True

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or until the stop."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
