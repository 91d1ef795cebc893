"""The preflight's parts that need no network."""

import errno
import re
import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bus.kafka.preflight import FAULTS, Diagnosis, Problem, is_usable, rights_of
from bus.kafka.preflight.deadline import Deadline
from bus.kafka.preflight.reach import Address, connect_problem
from bus.kafka.preflight.second_look import speaker_of
from bus.kafka.preflight.verdicts import problem
from bus.kafka.preflight.wire import Conversation, HungUpError, StrangerError
from bus.runtime.settings_sections import KafkaSettings
from schemas.event import Outcome
from schemas.topics import TopicNames

NAMES = TopicNames("t")


class Scripted:
    """A socket that answers with given bytes, in pieces, and then ends."""

    def __init__(self, answer: bytes) -> None:
        self._left = answer
        self.is_closed = False

    def settimeout(self, _seconds: float) -> None:
        """Time does not pass here."""

    def sendall(self, _data: bytes) -> None:
        """Listen to nothing."""

    def recv(self, count: int) -> bytes:
        """Return at most three bytes at once."""
        piece, self._left = self._left[: min(3, count)], self._left[min(3, count) :]
        return piece

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


def conversation(answer: bytes) -> Conversation:
    """Return a conversation with a scripted other end."""
    return Conversation(Scripted(answer), 1.0)  # type: ignore[arg-type] # enough of a socket


@given(st.binary(max_size=200))
@example(b"HTTP/1.1 400 Bad Request\r\n")
@example(b"\x15\x03\x03\x00\x02\x02\x28")
@example(struct.pack(">ii", 4, 1))
@example(struct.pack(">iih", 6, 2, 0))
def test_whatever_comes_back_is_an_answer_a_stranger_or_the_end(answer: bytes) -> None:
    """A preflight that raises anything else would hide what it was to find."""
    with pytest.raises((HungUpError, StrangerError)):
        conversation(answer).greet()


def test_an_answer_in_pieces_is_put_together() -> None:
    """No error, one request kind: ApiVersions itself, versions 0 to 4."""
    body = struct.pack(">ihihhh", 1, 0, 1, 18, 0, 4)

    conversation(struct.pack(">i", len(body)) + body).greet()


def test_the_first_bytes_tell_who_speaks() -> None:
    """A web server, or TLS that complains of plain text."""
    assert speaker_of(b"HTTP/1.1 400") == "web"
    assert speaker_of(b"HTTP") == "web"
    assert speaker_of(b"\x15\x03\x03\x00") == "tls"
    assert speaker_of(b"220 mail") == "stranger"


@given(
    st.from_regex(r"[a-z][a-z0-9.-]{0,40}", fullmatch=True) | st.ip_addresses().map(str),
    st.integers(1, 65_535),
)
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    """Brackets around IPv6 included."""
    assert Address.parse(str(Address(host, port))) == Address(host, port)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused"),
        (TimeoutError("timed out"), "connect-timeout"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "unreachable"),
        (OSError("no address"), "unreachable"),
    ],
)
def test_a_failed_connect_is_told_by_its_kind(error: OSError, code: str) -> None:
    found = connect_problem(error, Address("h", 1), Deadline(5))

    assert found.code == code
    assert found.message.startswith("h:1: ")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.code)
def test_a_line_is_one_line_with_what_to_do(fault: object) -> None:
    """What is wrong stands before the colon, what to do after it."""
    code, line = fault.code, fault.line  # type: ignore[attr-defined] # a Fault
    gaps = dict.fromkeys(re.findall(r"{(\w+)(?::g)?}", line), 1)
    gaps.pop("server", None)

    said = problem(code, "h:1", **gaps).message

    assert re.fullmatch("[a-z-]+", code)
    assert "\n" not in said
    assert ": " in said.removeprefix("h:1: ")


def test_what_a_server_says_cannot_break_the_line() -> None:
    """Names in certificates and errors come from outside."""
    said = problem("unreachable", "h:1", why="a\nforged: line").message

    assert "\n" not in said


def test_one_good_server_is_enough() -> None:
    """A client tries them all; our own wrong files keep it from each."""
    two = KafkaSettings(bootstrap_servers="a:1,b:2")

    assert is_usable(two, [])
    assert is_usable(two, [Problem("refused", "a:1", "…")])
    assert not is_usable(two, [Problem("refused", "a:1", "…"), Problem("silent", "b:2", "…")])
    assert not is_usable(two, [Problem("ca-file", "", "…")])


def test_rights_follow_the_register_of_topics() -> None:
    """A topic that storage reads is a topic that storage may read."""

    def names(service: str, operation: str) -> set[str]:
        rights = rights_of(service, NAMES, "g")  # type: ignore[arg-type] # a literal below
        return {r.name for r in rights if (r.resource, r.operation) == ("topic", operation)}

    assert names("ingest", "WRITE") == {NAMES.for_outcome(outcome) for outcome in Outcome}
    assert names("storage", "READ") == set(NAMES.stored)
    assert names("alerting", "READ") == set(NAMES.alerted)
    assert names("admin", "CREATE") == set(NAMES.all)
    assert {r.name for r in rights_of("storage", NAMES, "g") if r.resource == "group"} == {
        "g-storage"
    }


class Probing:
    """A probe that finds what it is told, run when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.found: list[Problem] = []
        self.started: list[Callable[[], None]] = []
        self.diagnosis = Diagnosis(
            lambda: self.found,
            again_after_s=10,
            clock=lambda: self.now,
            start=self.started.append,
        )

    def finish(self) -> None:
        """Let the probe that was started come to its end."""
        self.started.pop()()


def test_a_diagnosis_answers_at_once_and_asks_again_only_after_a_while() -> None:
    probing = Probing()
    probing.found = [Problem("refused", "a:1", "a:1: connection refused")]

    assert probing.diagnosis.reason() is None
    assert probing.diagnosis.reason() is None
    assert len(probing.started) == 1, "one probe at a time"
    probing.finish()
    assert probing.diagnosis.reason() == "a:1: connection refused"
    assert probing.started == [], "not again so soon"
    probing.now += 10
    probing.found = []
    assert probing.diagnosis.reason() == "a:1: connection refused"
    probing.finish()
    assert probing.diagnosis.reason() is None


def test_a_diagnosis_is_logged_when_it_is_news() -> None:
    probing = Probing()
    probing.found = [Problem("refused", "a:1", "a:1: connection refused")]

    with capture_logs() as logs:
        for _ in range(2):
            probing.diagnosis.reason()
            probing.finish()
            probing.now += 10

    assert [line["reason"] for line in logs] == ["a:1: connection refused"]


def test_a_probe_that_fails_does_not_end_all_probing() -> None:
    probing = Probing()

    def fail() -> list[Problem]:
        raise RuntimeError("a bug")

    broken = Diagnosis(fail, clock=lambda: probing.now, start=probing.started.append)
    broken.reason()
    with pytest.raises(RuntimeError):
        probing.finish()
    probing.now += 60
    broken.reason()

    assert len(probing.started) == 1
