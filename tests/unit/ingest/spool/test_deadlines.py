"""One timer for all that wait: nobody waits longer than that."""

import asyncio

import pytest

from ingest.spool.deadlines import Deadlines

SOON_S = 0.01
FAR_S = 3600.0
PATIENCE_S = 30.0


def future() -> "asyncio.Future[int]":
    return asyncio.get_running_loop().create_future()


async def waits(deadlines: Deadlines, *given: "asyncio.Future[int]") -> "list[asyncio.Task[None]]":
    tasks = [asyncio.create_task(deadlines.wait(each)) for each in given]
    await asyncio.sleep(0)
    return tasks


async def test_what_is_done_is_not_waited_for() -> None:
    done = future()
    done.set_result(1)

    await Deadlines(FAR_S).wait(done)


async def test_each_waits_for_its_own_future() -> None:
    deadlines, first, second = Deadlines(FAR_S), future(), future()
    one, two = await waits(deadlines, first, second)

    second.set_result(1)
    await asyncio.wait_for(two, PATIENCE_S)
    assert not one.done()

    first.set_exception(ValueError("it failed"))
    await asyncio.wait_for(one, PATIENCE_S)  # how it ended is for others to read
    assert isinstance(first.exception(), ValueError)


async def test_all_whose_time_is_over_are_told_and_their_futures_go_on() -> None:
    """Those that came later as well, also after an earlier one was done in time."""
    deadlines = Deadlines(SOON_S)
    early, late = future(), future()
    tasks = await waits(deadlines, early, late)
    early.set_result(1)
    later = future()

    tasks += await waits(deadlines, later)
    await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)

    assert not late.done()
    assert not later.done()
    late.set_result(1)
    await asyncio.wait_for(deadlines.wait(future()), PATIENCE_S)


async def test_who_is_cancelled_leaves_the_others_waiting() -> None:
    deadlines, first, second = Deadlines(SOON_S), future(), future()
    one, two = await waits(deadlines, first, second)

    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    first.set_result(1)

    await asyncio.wait_for(two, PATIENCE_S)
    assert not second.done()
