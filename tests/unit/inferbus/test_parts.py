"""Small parts that processes are put together from."""

import asyncio
import errno

import pytest

from inferbus.errors import ProblemError
from inferbus.parts import Deferred, Listening, Together, Watch, listening
from inferbus.urls import local_url, reachable


class Journal:
    """A part that remembers what was done to it."""

    name = "journal"

    def __init__(self, error: OSError | None = None) -> None:
        self.entries: list[str] = []
        self._error = error

    async def start(self) -> None:
        if self._error:
            raise self._error
        self.entries.append("start")

    async def stop(self) -> None:
        self.entries.append("stop")


class Slow(Journal):
    """A part that ends when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopping = asyncio.Event()
        self.may_end = asyncio.Event()

    async def stop(self) -> None:
        self.is_stopping.set()
        await self.may_end.wait()
        await super().stop()


async def test_a_deferred_part_is_made_when_it_starts() -> None:
    """What it needs is known only then."""
    journal = Journal()
    made: list[int] = []

    def make() -> Journal:
        made.append(1)
        return journal

    part = Deferred("later", make)

    assert made == []
    await part.start()
    await part.stop()

    assert made == [1]
    assert journal.entries == ["start", "stop"]


async def test_parts_together_stop_all_at_once() -> None:
    """Two consumers end within one poll, not one after the other."""
    both = [Slow(), Slow()]
    parts = Together("both", both)

    await parts.start()
    stopping = asyncio.create_task(parts.stop())
    await asyncio.gather(*(part.is_stopping.wait() for part in both))
    for part in both:
        part.may_end.set()
    await stopping

    assert [part.entries for part in both] == [["start", "stop"], ["start", "stop"]]


async def test_what_was_started_is_stopped_where_the_next_cannot_start() -> None:
    first, second = Journal(), Journal(OSError("no"))

    with pytest.raises(OSError, match="no"):
        await Together("both", [first, second]).start()

    assert first.entries == ["start", "stop"]
    assert second.entries == []


async def test_a_taken_port_is_named_with_what_to_do() -> None:
    taken = Journal(OSError(errno.EADDRINUSE, "Address already in use"))

    with pytest.raises(ProblemError) as caught:
        await Listening(taken, "127.0.0.1", 8080, "--port").start()

    assert "port 8080 on 127.0.0.1 is in use" in str(caught.value)
    assert "--port" in str(caught.value)


async def test_another_fault_of_listening_keeps_its_reason() -> None:
    async def fails() -> None:
        raise OSError(errno.EACCES, "Permission denied")

    with pytest.raises(ProblemError, match="Permission denied"):
        await listening(fails(), "127.0.0.1", 80, "--port")


async def test_a_watch_fails_the_process_when_its_ward_dies() -> None:
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answers = iter([None, "the broker ended"])
    watch = Watch("broker", lambda: next(answers, "the broker ended"), failed.set_result)
    watch._EVERY_S = 0.0

    await watch.start()

    assert await failed == "the broker ended"
    await watch.stop()


async def test_a_stopped_watch_says_nothing() -> None:
    failed: list[str] = []
    watch = Watch("broker", lambda: None, failed.append)

    await watch.start()
    await watch.stop()

    assert failed == []


def test_a_server_on_all_addresses_is_reached_on_loopback() -> None:
    assert local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert local_url("::", 80) == "http://[::1]:80"
    assert local_url("10.0.0.7", 80) == "http://10.0.0.7:80"
    assert reachable("http://0.0.0.0:8080") == "http://127.0.0.1:8080"
    assert reachable("http://[::1]:8080/") == "http://[::1]:8080"
