"""Failures are limited per source; a valid credential never is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.runtime.settings_sections import IngestSettings
from ingest.auth import Authenticator, Head, TooManyFailuresError, UnauthenticatedError
from ingest.auth.authenticator import Pending
from ingest.auth.base import Secrets
from ingest.auth.configured import authenticator_from
from ingest.auth.failures import BURST, Failures
from ingest.auth.sources import Sources
from ingest.auth.token import PathToken
from schemas.delivery import ANONYMOUS
from tests.support.clock import Clock

TOKEN = "0123456789abcdef"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, **limits: Any) -> Authenticator:
    tokens = PathToken(Secrets([TOKEN.encode()]))
    return Authenticator([tokens], [], Sources(), Failures(clock, **limits))


def fails(by: Authenticator, peer: str = "192.0.2.1", credential: str = "wrong") -> str:
    with pytest.raises(UnauthenticatedError) as error:
        by.admit(Head("deepinfra", credential, peer=peer), now_s=0)
    return "rate" if error.type is TooManyFailuresError else "wrong"


def test_a_source_that_fails_too_often_is_told_so(clock: Clock) -> None:
    """After its budget, until time refills it."""
    by = make(clock, burst=3, per_second=0.5)

    assert [fails(by) for _ in range(5)] == ["wrong"] * 3 + ["rate"] * 2
    clock.now += 4
    assert [fails(by) for _ in range(3)] == ["wrong"] * 2 + ["rate"]


def test_another_source_has_a_budget_of_its_own(clock: Clock) -> None:
    """One who guesses does not use up what others may get wrong."""
    by = make(clock, burst=1)
    fails(by)

    assert fails(by) == "rate"
    assert fails(by, "192.0.2.2") == "wrong"


def test_a_valid_credential_always_passes(clock: Clock) -> None:
    """All of a provider's customers share its addresses: one must not lock out the others."""
    by = make(clock, burst=1)

    for _ in range(50):
        fails(by)
        assert by.admit(Head("deepinfra", TOKEN, peer="192.0.2.1"), now_s=0) == ANONYMOUS


def test_a_valid_credential_costs_nothing(clock: Clock) -> None:
    """Only failures are counted."""
    by = make(clock, burst=1)
    for _ in range(50):
        by.admit(Head("deepinfra", TOKEN, peer="192.0.2.1"), now_s=0)

    assert fails(by) == "wrong"


async def test_a_wrong_body_is_a_failure_and_a_right_one_passes(clock: Clock) -> None:
    """Also where only the body can tell."""

    class FirstByte:
        def claim(self, head: Head, now_s: float) -> Any:
            return self

        def holds_for(self, body: bytes) -> Any:
            return ANONYMOUS if body.startswith(b"{") else None

    by = Authenticator([], [FirstByte()], Sources(), Failures(clock, burst=1))
    pending = by.admit(Head("deepinfra", peer="192.0.2.1"), now_s=0)

    assert isinstance(pending, Pending)
    for expected in (UnauthenticatedError, TooManyFailuresError):
        with pytest.raises(UnauthenticatedError) as error:
            await by.confirm(pending, b"wrong")
        assert error.type is expected
    assert await by.confirm(by.admit(pending.head, now_s=0), b"{}") == ANONYMOUS


def test_an_address_that_is_not_allowed_fails_with_any_credential(clock: Clock) -> None:
    """The list is an extra condition, and its failures count like others."""
    settings = {"auth": "token", "tokens": f"a:{TOKEN}", "allowed_ips": "198.51.100.0/24"}
    by = authenticator_from(IngestSettings.model_validate(settings))

    assert by.admit(Head("deepinfra", TOKEN, peer="198.51.100.1"), now_s=0) == ANONYMOUS
    assert fails(by, credential=TOKEN) == "wrong"
    assert [fails(by, credential=TOKEN) for _ in range(BURST)][-1] == "rate"


@given(st.lists(st.integers(0, 1000), min_size=50, max_size=300))
def test_memory_is_bounded(sources: list[int]) -> None:
    """However many addresses fail, only the latest are remembered."""
    failures = Failures(Clock(), burst=1, max_sources=10)
    for source in sources:
        failures.add(str(source))

    latest_first = [str(source) for source in dict.fromkeys(reversed(sources))]
    assert all(failures.add(source) for source in latest_first[:10])
    assert not any(failures.add(source) for source in latest_first[10:])
