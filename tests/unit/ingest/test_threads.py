"""Blocking calls beside the event loop: each at once, whatever the others do."""

import asyncio
import threading

import pytest

from ingest.threads import in_thread


async def test_it_returns_or_raises_what_the_call_does() -> None:
    def fail() -> None:
        raise OSError("no space")

    assert await in_thread(lambda: 7) == 7
    with pytest.raises(OSError, match="no space"):
        await in_thread(fail)


async def test_calls_that_hang_hold_up_no_other() -> None:
    """More of them than threads are kept."""
    goes_on = threading.Event()
    hanging = [asyncio.create_task(in_thread(goes_on.wait)) for _ in range(20)]
    await asyncio.sleep(0)

    assert await in_thread(lambda: "done") == "done"

    goes_on.set()
    assert await asyncio.gather(*hanging) == [True] * 20


async def test_a_thread_is_used_again() -> None:
    """Two calls one after the other need no second thread."""
    used = {await in_thread(threading.get_ident) for _ in range(20)}

    assert len(used) <= 8


async def test_many_at_once_are_all_answered() -> None:
    for _ in range(5):
        numbers = await asyncio.gather(*(in_thread(lambda n=n: n) for n in range(50)))  # type: ignore[misc]
        assert numbers == list(range(50))


async def test_a_call_whose_caller_went_away_disturbs_nobody() -> None:
    goes_on = threading.Event()
    running = asyncio.create_task(in_thread(goes_on.wait))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    goes_on.set()

    assert await in_thread(lambda: 1) == 1
