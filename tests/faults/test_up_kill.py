"""
`up` with its embedded broker, which forgets: killed whole, killed in part, and made to lie.

What was answered 2xx is stored exactly once and every failure is told, whatever was killed.
"""

import random
import time
from pathlib import Path

import pytest

from tests.faults.load import Sender
from tests.faults.mutants import Change, mutant
from tests.faults.oracle import Judgement
from tests.faults.report import full_form_only, scaled
from tests.faults.up_system import UpSystem, running_up, up_row

pytestmark = [pytest.mark.faults, pytest.mark.embedded, pytest.mark.timeout(1800)]

CHANCE = random.Random(5)  # noqa: S311 - moments, no secret
SENDER = Sender(rate=80, retries=5)


def killed_whole(system: UpSystem, times: int, mutant_is: str = "") -> Judgement:
    """Kill everything at random moments under load."""
    what = f"`up` and its broker SIGKILL x{times} under load"
    name, what = ("M", f"mutant: {mutant_is}; {what}") if mutant_is else ("U1", what)
    with up_row(name, what, system, SENDER) as (load, judgement):
        for _ in range(times):
            time.sleep(CHANCE.uniform(0.0, 1.0))
            system.kill_all()
            system.start()
            load.wait_for_acks(5)
    return judgement


def test_up_killed_whole(tmp_path: Path) -> None:
    """The spool holds what the broker forgot, and what no consumer had settled."""
    with running_up(tmp_path) as system:
        judgement = killed_whole(system, int(scaled(3, 30)))

    assert not judgement.broken, judgement


@full_form_only
def test_up_loses_its_broker(tmp_path: Path) -> None:
    """It is replaced by an empty one; consumers begin anew on it and miss nothing."""
    times = int(scaled(1, 10))
    what = f"embedded broker SIGKILL x{times} under load"
    with (
        running_up(tmp_path) as system,
        up_row("U2", what, system, SENDER) as (load, judgement),
    ):
        for _ in range(times):
            time.sleep(CHANCE.uniform(0.0, 1.0))
            system.wait_other_broker(than=system.kill_broker())
            load.wait_for_acks(20)

    assert not judgement.broken, judgement
    assert judgement.figures["refused"] == 0
    assert judgement.figures["unknown"] == 0


_KEPT = """\
        ref = await self._journaling.append(Delivered(record, event_id, body_sha256))
        sends = self._journaling.sends
"""
_LATE = """\
        import asyncio

        async def later() -> None:
            await asyncio.sleep(0.5)
            it = Delivered(record, event_id, body_sha256)
            self._journaling.leave_to_drainer(await self._journaling.append(it))

        self._late = asyncio.create_task(later())
        return Kept("spool", None)
        ref, sends = None, None
"""
_FORGETFUL = """\
        for path in self._folder.glob("*.seg"):
            path.unlink()
        self._held = read_contents(self._folder)
"""
MUTANTS = {
    "answers before the journal has it": (
        "ingest/spool/keeper.py",
        _KEPT,
        _LATE,
    ),
    "releases what the broker acknowledges": (
        "inferbus/up.py",
        "ByAcknowledgement if settled is None else settled.make_releases",
        "ByAcknowledgement",
    ),
    "forgets its spool": (
        "ingest/spool/segments.py",
        "        self._held = read_contents(self._folder)\n",
        _FORGETFUL,
    ),
}


def test_every_mutant_can_be_made(tmp_path: Path) -> None:
    """The short form leaves them out: what they change must not go away unseen."""
    for number, change in enumerate(MUTANTS.values()):
        mutant(tmp_path / str(number), Change(*change))


@full_form_only
@pytest.mark.parametrize("name", MUTANTS)
def test_the_judge_finds_a_lie(name: str, tmp_path: Path) -> None:
    """A harness that finds nothing in these proves nothing about the real one."""
    python_path = mutant(tmp_path / "mutant", Change(*MUTANTS[name]))
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with running_up(data_dir, PYTHONPATH=python_path) as system:
        judgement = killed_whole(system, 2, name)

    assert "I1" in judgement.broken
