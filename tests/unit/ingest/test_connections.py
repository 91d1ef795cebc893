"""Which connection goes where there are too many, and how many a process can hold."""

import resource
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bus.runtime import metrics
from ingest.connections import Connections, openable


@pytest.fixture(autouse=True, scope="module")
def nobody_is_left() -> Iterator[None]:
    """The gauge is the whole process's: tests that come later in it count from none."""
    yield
    metrics.CONNECTIONS.set(0)


class Sender:
    """A connection that tells when it is dropped."""

    def __init__(self, among: Connections, *, is_busy: bool = False, asked: bool = False) -> None:
        self.is_busy = is_busy
        self.has_asked = asked
        self.is_open = True
        self._among = among
        among.add(self)

    def drop(self) -> None:
        self.is_open = False
        self._among.remove(self)


def test_up_to_the_limit_nobody_is_dropped() -> None:
    """Idle senders keep their connections: a new one costs them time."""
    among = Connections(3)

    senders = [Sender(among) for _ in range(3)]

    assert all(sender.is_open for sender in senders)
    assert len(among) == 3


def test_the_oldest_that_never_asked_goes_first() -> None:
    """A sender that delivered before keeps its connection, however long it was silent since."""
    among = Connections(3)
    regular = Sender(among, asked=True)
    silent, later = Sender(among), Sender(among)

    newcomer = Sender(among)

    assert [s.is_open for s in (regular, silent, later, newcomer)] == [True, False, True, True]


def test_among_those_that_asked_the_oldest_idle_one_goes() -> None:
    """It finds a closed connection and opens another: HTTP clients are used to that."""
    among = Connections(2)
    busy, idle = Sender(among, is_busy=True, asked=True), Sender(among, asked=True)

    newcomer = Sender(among)

    assert [s.is_open for s in (busy, idle, newcomer)] == [True, False, True]


def test_where_all_are_busy_the_newcomer_goes() -> None:
    """What is being answered is answered."""
    among = Connections(2)
    busy = [Sender(among, is_busy=True) for _ in range(2)]

    newcomer = Sender(among)

    assert [sender.is_open for sender in busy] == [True, True]
    assert not newcomer.is_open


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40))
def test_there_are_never_more_than_the_limit(steps: list[tuple[bool, bool, bool]]) -> None:
    """Whatever comes and goes, and no busy one was dropped for another."""
    among, senders = Connections(5), list[Sender]()
    for is_busy, asked, leaves in steps:
        senders.append(Sender(among, is_busy=is_busy, asked=asked))
        newest = senders[-1]
        assert all(s.is_open for s in senders[:-1] if s.is_busy) or not newest.is_busy
        if leaves:
            among.remove(newest)
            senders.pop()
        assert len(among) <= 5
        senders = [sender for sender in senders if sender.is_open]


def test_the_limit_is_told_once_a_minute() -> None:
    """A flood of connections is no flood of lines."""
    with capture_logs() as lines:
        among = Connections(1)
        for _ in range(100):
            Sender(among)

    assert [line["event"] for line in lines] == ["connections_at_limit"]


@pytest.mark.parametrize(
    ("limit", "can", "left"),
    [
        ((1024, 1_048_576), 4096, (4352, 1_048_576)),
        ((1024, resource.RLIM_INFINITY), 4096, (4352, resource.RLIM_INFINITY)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 4096, None),
        ((65_536, 65_536), 4096, None),
        ((1024, 2048), 1792, (2048, 2048)),
        ((100, 100), 1, (100, 100)),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[int, int],
    can: int,
    left: tuple[int, int] | None,
) -> None:
    """Files are left for Kafka and the spool; where the system gives fewer, we say so."""
    asked = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limit)
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))

    with capture_logs() as lines:
        assert openable(4096) == can

    assert asked == ([] if left is None else [left])
    assert bool(lines) == (can < 4096)
