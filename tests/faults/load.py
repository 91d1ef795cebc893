"""The sender: plays a provider against one or more endpoints, and writes all of it down."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

import aiohttp

from tests.faults.deliveries import Delivery, Mix, jobs
from tests.faults.ledger import Ledger, Sent, Verdict
from tests.faults.report import scaled

_GATEWAY_TIMEOUT_S = 10.0
# Each delivery takes 10 ms of a processor: the sender's, all services', the broker's.
_PACE = scaled(0.4, 1.0)


@dataclass(frozen=True, slots=True)
class Sender:
    """
    How the provider behaves. With `rate` None it is a closed loop of `connections`.

    The short form sends at less than half the rate.
    """

    rate: float | None = 100.0
    connections: int = 16
    # DeepInfra: "a few retry attempts if your webhook endpoint returns a 4xx or 5xx".
    retries: int = 3
    retry_wait_s: float = 1.0
    # Whether a refused or broken connection counts as a failed attempt is not documented.
    retries_connections: bool = True
    copies: int = 1
    """How often each delivery is sent at the same time, spread over the endpoints."""
    duplicates: float = 0.03
    """Share of deliveries that are sent once more after their 2xx."""
    mix: Mix = field(default_factory=Mix)
    timeout_s: float = _GATEWAY_TIMEOUT_S
    seed: int = 1


class Load:
    """Sends from a thread of its own until stopped; then what is under way is sent to its end."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], sender: Sender) -> None:
        self._ledger = ledger
        self._urls = itertools.cycle(urls)
        self._sender = sender
        self._rng = Random(sender.seed)  # noqa: S311 - a reproducible mix, no secret
        prefix = uuid4().hex[:6]
        self._jobs = jobs(prefix, sender.mix, self._rng)
        self._calls = (f"{prefix}-{number}" for number in itertools.count(1))
        self.errors: Counter[str] = Counter()
        """Calls without an answer, by the client's exception."""
        self._stopping = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 60.0) -> None:
        """Begin no further job; return when the last sender has its verdict or has given up."""
        self._stopping.set()
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the load generator does not end"
        if self._problem is not None:
            raise self._problem

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send for the length of a with block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def wait_for_acks(self, count: int, timeout_s: float = 90.0) -> None:
        """Return when so many further calls were answered 2xx."""
        wanted = self._ledger.book.count(Verdict.ACKED) + count
        ends_at = time.monotonic() + timeout_s
        while self._ledger.book.count(Verdict.ACKED) < wanted:
            if time.monotonic() > ends_at or not self._thread.is_alive():
                raise AssertionError(f"no {count} acknowledgements in {timeout_s:g} s")
            time.sleep(0.02)

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:  # noqa: BLE001 - raised again by stop()
            self._problem = error

    async def _send_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._sender.timeout_s)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            if self._sender.rate is None:
                loops = (self._closed_loop(session) for _ in range(self._sender.connections))
                await asyncio.gather(*loops)
            else:
                await self._open_loop(session, self._sender.rate)

    async def _closed_loop(self, session: aiohttp.ClientSession) -> None:
        while not self._stopping.is_set():
            await self._job(session, next(self._jobs))

    async def _open_loop(self, session: aiohttp.ClientSession, rate: float) -> None:
        """Start jobs at the rate whatever the answers do; a late start is made up for."""
        tasks: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self._stopping.is_set():
            task = asyncio.create_task(self._job(session, next(self._jobs)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            due += 1 / (rate * _PACE)
            await asyncio.sleep(max(0, due - time.monotonic()))
        if tasks:
            await asyncio.gather(*tasks)

    async def _job(self, session: aiohttp.ClientSession, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            copies = (self._deliver(session, delivery) for _ in range(self._sender.copies))
            await asyncio.gather(*copies)

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        if not await self._until_acked(session, delivery):
            return
        if self._rng.random() < self._sender.duplicates:
            await self._call(session, delivery)

    async def _until_acked(self, session: aiohttp.ClientSession, delivery: Delivery) -> bool:
        for attempt in range(1 + self._sender.retries):
            if attempt:
                await asyncio.sleep(self._sender.retry_wait_s)
            verdict = await self._call(session, delivery)
            if verdict is Verdict.ACKED:
                return True
            if verdict is Verdict.UNKNOWN and not self._sender.retries_connections:
                return False
        return False

    async def _call(self, session: aiohttp.ClientSession, delivery: Delivery) -> Verdict:
        call = next(self._calls)
        sent = Sent(call, delivery.request_id, delivery.outcome, delivery.event_id, delivery.sha256)
        self._ledger.sending(sent)
        try:
            async with session.post(next(self._urls), data=delivery.body) as answer:
                status, said = answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.errors[type(error).__name__] += 1
            self._ledger.answered(call, Verdict.UNKNOWN)
            return Verdict.UNKNOWN
        verdict = Verdict.ACKED if status < 300 else Verdict.REFUSED
        durability = said.get("durability") if isinstance(said, dict) else None
        self._ledger.answered(call, verdict, status, durability)
        return verdict
