"""Deliveries are retried as DeepInfra does, and the books of the run say what happened."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from inferbus.simulate.endpoint import Answer
from inferbus.simulate.plan import Plan, make_sendings
from inferbus.simulate.report import Tally, hints, percentile, table_rows
from inferbus.simulate.sender import Manner, Sender

OK = Answer(0.01, 200, "published", "kafka")
AT_ONCE = Manner(concurrency=4, retries=3, backoff_s=0.0)


class ScriptedTarget:
    """Answers each body by its script, the last line for ever; remembers what it was sent."""

    def __init__(self, *script: Answer, probes: tuple[Answer, ...] = (OK,)) -> None:
        self.script = script
        self.probes = list(probes)
        self.bodies: defaultdict[bytes, int] = defaultdict(int)
        self.in_flight = 0
        self.most_in_flight = 0

    async def probe(self) -> Answer:
        """Give the next answer to a HEAD."""
        return self.probes.pop(0)

    async def post(self, body: bytes) -> Answer:
        """Give the next answer to this body."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        self.bodies[body] += 1
        return self.script[min(self.bodies[body], len(self.script)) - 1]


async def play(
    target: ScriptedTarget, manner: Manner = AT_ONCE, jobs: int = 5, duplicates: float = 0.0
) -> tuple[Tally, dict[str, Any]]:
    tally = Tally(jobs)
    await Sender(target, manner, tally).send_all(
        make_sendings(Plan(jobs, 1, duplicates=duplicates))
    )
    return tally, tally.summary(seed=1, probe=OK, elapsed_s=1.0)


async def test_a_refusal_is_retried_until_it_is_accepted() -> None:
    """4xx too: DeepInfra retries on 400 and above."""
    target = ScriptedTarget(Answer(0.01, 401), Answer(0.01, 503), OK)

    _, summary = await play(target)

    assert summary["answered"] == {"200": 5, "401": 5, "503": 5}
    assert (summary["attempts"], summary["retried"], summary["given_up"]) == (15, 10, 0)


async def test_a_connection_error_is_retried() -> None:
    """Nothing came back, so the delivery is made again."""
    target = ScriptedTarget(Answer(0.01, problem="connection lost"), OK)

    _, summary = await play(target)

    assert summary["unanswered"] == {"connection lost": 5}
    assert summary["given_up"] == 0


async def test_after_the_last_retry_the_job_is_given_up() -> None:
    """Its result is lost; that is what the exit status tells."""
    target = ScriptedTarget(Answer(0.01, 500))

    _, summary = await play(target)

    assert summary["given_up"] == 5
    assert set(target.bodies.values()) == {4}


async def test_a_redirect_is_neither_followed_nor_retried() -> None:
    """Its handling is not documented: a receiver must not rely on it."""
    _, summary = await play(ScriptedTarget(Answer(0.01, 308)))

    assert (summary["attempts"], summary["given_up"]) == (5, 5)


async def test_a_duplicate_has_identical_bytes() -> None:
    """Every body comes exactly twice."""
    target = ScriptedTarget(OK)

    _, summary = await play(target, duplicates=1.0)

    assert set(target.bodies.values()) == {2}
    assert (summary["jobs"], summary["sent"], summary["duplicates"]) == (5, 10, 5)


async def test_a_job_whose_duplicate_was_accepted_is_not_given_up() -> None:
    """Its result arrived."""
    refused = Answer(0.01, 500)
    target = ScriptedTarget(refused, refused, refused, refused, OK)

    _, summary = await play(target, jobs=1, duplicates=1.0, manner=Manner(1, backoff_s=0.0))

    assert summary["given_up"] == 0


async def test_deliveries_in_flight_are_bounded() -> None:
    """Never more than asked for."""
    target = ScriptedTarget(OK)

    await play(target, jobs=30)

    assert target.most_in_flight == 4


async def test_a_stop_ends_the_run_and_counts_what_was_not_sent() -> None:
    """Jobs never sent are not given up."""
    target = ScriptedTarget(OK)
    tally = Tally(10)

    def stop_after_the_first() -> None:
        sender.stop()

    sender = Sender(target, Manner(concurrency=1), tally, progress=stop_after_the_first)
    await sender.send_all(make_sendings(Plan(10, 1)))

    summary = tally.summary(seed=1, probe=OK, elapsed_s=1.0)
    assert (summary["jobs"], summary["not_sent"], summary["given_up"]) == (1, 9, 0)


async def test_a_stop_cuts_waits_short() -> None:
    """A back-off of an hour does not hold up Ctrl-C, the delivery still gets its attempts."""
    target = ScriptedTarget(Answer(0.01, 500))
    tally = Tally(1)
    sender = Sender(target, Manner(backoff_s=3600.0), tally)
    asyncio.get_running_loop().call_later(0.01, sender.stop)

    async with asyncio.timeout(5):
        await sender.send_all(make_sendings(Plan(1, 1)))

    assert tally.attempts == 4


def test_waits_double() -> None:
    """0.5 s, 1 s, 2 s before jitter."""
    assert [Manner().wait_s(retry, 1.0) for retry in range(3)] == [0.5, 1.0, 2.0]


async def test_the_probe_is_tried_again_while_nothing_listens() -> None:
    """A server that is just starting is met a moment later."""
    gone = Answer(0.01, problem="no connection")
    target = ScriptedTarget(probes=(gone, gone, Answer(0.01, 405)))

    answer = await Sender(target, AT_ONCE, Tally(1)).probe()

    assert answer.code == 405


async def test_a_refused_probe_is_an_answer() -> None:
    """A 503 to HEAD is reported, not retried."""
    target = ScriptedTarget(probes=(Answer(0.01, 503), OK))

    assert (await Sender(target, AT_ONCE, Tally(1)).probe()).code == 503


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles_are_measured_values(percent: int, value: float) -> None:
    """The nearest rank, no interpolation."""
    assert percentile([float(n) for n in range(1, 101)], percent) == value


def test_nothing_measured_has_no_percentile() -> None:
    """Rather than a zero that looks quick."""
    assert percentile([], 99) is None


async def test_the_table_leaves_out_what_did_not_happen() -> None:
    """Retried and given up always stand; a line of zero duplicates does not."""
    _, summary = await play(ScriptedTarget(OK))

    figures = {row["what"]: row["figure"] for row in table_rows(summary)}
    assert figures["given up"] == figures["retried"] == 0
    assert "of them duplicates" not in figures
    assert figures["receipt published"] == 5
    assert figures["durable on kafka"] == 5


async def test_whoever_is_refused_is_told_where_to_look() -> None:
    """Nothing where all went well."""
    _, refused = await play(ScriptedTarget(Answer(0.001, 401, "refused")))
    _, fine = await play(ScriptedTarget(OK))

    [hint] = hints(refused)
    assert "inferbus url inspect" in hint
    assert hints(fine) == []
