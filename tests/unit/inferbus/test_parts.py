"""Small parts that processes are put together from."""

import asyncio
import errno
import socket

import pytest
from structlog.testing import capture_logs

from inferbus.errors import ProblemError
from inferbus.parts import (
    Announcement,
    Deferred,
    Listening,
    PublisherPart,
    Together,
    listening,
    port_problem,
)
from inferbus.urls import local_url, reachable


class Journal:
    """A part that remembers what was done to it."""

    name = "journal"

    url = ""

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


async def test_a_service_says_where_it_runs_and_that_it_stops() -> None:
    """The first lines that whoever starts one looks for."""
    told = Announcement("ingest", lambda: {"url": "http://127.0.0.1:1"})

    with capture_logs() as lines:
        await told.start()
        await told.stop()

    assert lines == [
        {
            "event": "service_started",
            "log_level": "info",
            "service": "ingest",
            "url": "http://127.0.0.1:1",
        },
        {"event": "service_stopping", "log_level": "info", "service": "ingest"},
    ]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    ],
)
def test_a_host_that_is_not_ours_is_not_blamed_on_the_port(error: OSError) -> None:
    said = port_problem(error, "192.0.2.1", 8080, "--port")

    assert "name an address of this machine" in said
    assert "--port" not in said


async def test_another_fault_of_listening_keeps_its_reason() -> None:
    async def fails() -> None:
        raise OSError(errno.EACCES, "Permission denied")

    with pytest.raises(ProblemError, match="Permission denied"):
        await listening(fails(), "127.0.0.1", 80, "--port")


class ConnectingPublisher:
    """Is connected at the third look."""

    def __init__(self) -> None:
        self.looks = 0

    def healthy(self) -> str | None:
        self.looks += 1
        return None if self.looks > 2 else "connecting"


async def test_a_publisher_is_waited_for_with_patience_only() -> None:
    """A service serves from its spool meanwhile; `up` is ready when all of it is."""
    patient, hasty = ConnectingPublisher(), ConnectingPublisher()

    await PublisherPart(patient, patience_s=10).start()  # type: ignore[arg-type] # all it uses
    await PublisherPart(hasty).start()  # type: ignore[arg-type] # all it uses

    assert patient.looks == 3
    assert hasty.looks == 1


def test_a_server_on_all_addresses_is_reached_on_loopback() -> None:
    assert local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert local_url("::", 80) == "http://[::1]:80"
    assert local_url("10.0.0.7", 80) == "http://10.0.0.7:80"
    assert reachable("http://0.0.0.0:8080") == "http://127.0.0.1:8080"
    assert reachable("http://[::1]:8080/") == "http://[::1]:8080"
