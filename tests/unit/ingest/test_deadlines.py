"""One timer for all: nothing ends before its time, and nothing is forgotten."""

import asyncio

from ingest.deadlines import Deadlines

SOON_S = 0.01
FAR_S = 3600.0
PATIENCE_S = 30.0


class Expired:
    """Collects what has expired."""

    def __init__(self, wanted: int) -> None:
        self.keys: list[str] = []
        self._wanted = wanted
        self._all = asyncio.Event()

    def __call__(self, key: str) -> None:
        self.keys.append(key)
        if len(self.keys) >= self._wanted:
            self._all.set()

    async def all(self) -> None:
        await asyncio.wait_for(self._all.wait(), PATIENCE_S)


async def test_all_expire_in_the_order_they_were_added() -> None:
    expired = Expired(3)
    deadlines = Deadlines(SOON_S, expired)

    for key in ("first", "second", "third"):
        deadlines.add(key)
    await expired.all()

    assert expired.keys == ["first", "second", "third"]
    assert "first" not in deadlines


async def test_what_is_done_does_not_expire() -> None:
    """Also where it was the first, which the timer was set for."""
    expired = Expired(1)
    deadlines = Deadlines(SOON_S, expired)
    deadlines.add("done")
    deadlines.add("forgotten")

    deadlines.done("done")
    deadlines.done("never added")
    await expired.all()

    assert expired.keys == ["forgotten"]


async def test_whatever_comes_later_expires_as_well() -> None:
    """After all others were done, and after all others have expired."""
    expired = Expired(2)
    deadlines = Deadlines(SOON_S, expired)
    deadlines.add("done")
    deadlines.done("done")
    await asyncio.sleep(0)

    deadlines.add("second")
    while "second" in deadlines:  # noqa: ASYNC110 - the timer is the loop's
        await asyncio.sleep(0)
    deadlines.add("third")
    await expired.all()

    assert expired.keys == ["second", "third"]


async def test_what_is_added_while_others_expire_is_not_forgotten() -> None:
    expired = Expired(4)

    def expire(key: str) -> None:
        if key == "first":
            deadlines.add("again")
        expired(key)

    deadlines: Deadlines[str] = Deadlines(SOON_S, expire)
    deadlines.add("first")
    deadlines.add("second")
    await asyncio.sleep(0)
    deadlines.add("third")
    await expired.all()

    assert expired.keys == ["first", "second", "third", "again"]


async def test_time_begins_anew_for_what_is_added_again() -> None:
    deadlines = Deadlines(FAR_S, Expired(1))
    for key in ("first", "second", "first"):
        deadlines.add(key)

    assert list(deadlines._due) == ["second", "first"]
