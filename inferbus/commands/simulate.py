"""`inferbus simulate`: play DeepInfra against an endpoint."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inferbus.commands.url import read_argument
from inferbus.context import command_settings, read_up
from inferbus.errors import ProblemError, WrongUsageError
from inferbus.output import Column, emit, emit_json, progress, say
from inferbus.simulate.endpoint import Answer, open_endpoint
from inferbus.simulate.plan import Plan, make_sendings
from inferbus.simulate.report import Tally, hints, table_rows
from inferbus.simulate.sender import Manner, Sender

# Longer than any documented sender's time-out: the endpoint's own deadlines are to be seen.
_TIMEOUT_S = 30.0
HTTP_405 = 405


def run(  # noqa: PLR0913 - each parameter is an option
    *,
    url: str | None = None,
    count: int = 20,
    rate: float | None = None,
    fail_ratio: float = 0.1,
    duplicates: float = 0.0,
    reorder: bool = False,
    seed: int | None = None,
    concurrency: int = 16,
    retries: int = 3,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Play `count` jobs and print the table; 1 where a job was given up."""
    if rate is not None and rate <= 0:
        raise WrongUsageError("--rate must be above 0: deliveries a second")
    target = _target(url, data_dir)
    chosen_seed = secrets.randbits(32) if seed is None else seed
    plan = Plan(count, chosen_seed, fail_ratio, duplicates, is_reordered=reorder)
    summary = asyncio.run(_play(target, plan, Manner(concurrency, rate, retries)))
    if json:
        emit_json(summary)
    else:
        emit(table_rows(summary), False, ["what", Column("figure", justify="right")])
    for hint in hints(summary):
        say(hint)
    return 1 if summary["given_up"] else 0


def _target(url: str | None, data_dir: Path | None) -> str:
    if url is not None:
        return read_argument(url)
    # The address on this machine: a public URL may lead through a tunnel that is not open.
    known = read_up(command_settings(data_dir).data_dir).get("local_webhook_url")
    if not isinstance(known, str):
        raise WrongUsageError("no running `inferbus up` found: give --url, or start one")
    return known


async def _play(url: str, plan: Plan, manner: Manner) -> dict[str, Any]:
    tally = Tally(plan.jobs)
    begun = time.monotonic()
    async with open_endpoint(url, manner.concurrency, _TIMEOUT_S) as endpoint:
        with progress() as bar:
            task = bar.add_task("deliveries", total=plan.sendings)
            sender = Sender(endpoint, manner, tally, progress=lambda: bar.advance(task))
            with _stopped_by_signals(sender.stop):
                probe = await sender.probe()
                _judge_probe(probe, endpoint.where)
                await sender.send_all(make_sendings(plan))
    return tally.summary(seed=plan.seed, probe=probe, elapsed_s=time.monotonic() - begun)


def _judge_probe(probe: Answer, where: str) -> None:
    """Say how the HEAD went; without any connection there is nothing to play against."""
    if probe.problem is not None:
        raise ProblemError(f"the HEAD probe of {where} failed, nothing sent: {probe.problem}")
    if probe.is_accepted:
        say(f"HEAD probe of {where}: {probe.code}")
        return
    # One receiver's author reports it; the documentation does not speak of a probe.
    hint = "; DeepInfra may take the URL for unreachable" if probe.code == HTTP_405 else ""
    say(f"HEAD probe of {where}: {probe.code}, no 2xx{hint}")


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
