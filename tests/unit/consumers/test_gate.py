"""Consumers wait for tables that somebody else makes."""

import pytest

from bus.errors import Transient
from consumers.gate import CHECK_EVERY_S, SchemaGate


class _Database:
    """Says what is wrong with it, and counts how often it was asked."""

    def __init__(self) -> None:
        self.problems = ["run `inferbus db upgrade`"]
        self.asked = 0
        self.now = 0.0

    def check(self) -> list[str]:
        self.asked += 1
        return self.problems

    def clock(self) -> float:
        return self.now


def test_a_shut_gate_says_why_and_asks_seldom() -> None:
    """Asking costs a connection."""
    database = _Database()
    gate = SchemaGate(database.check, database.clock)

    reasons = [gate.problem() for _ in range(3)]

    assert reasons == ["run `inferbus db upgrade`"] * 3
    assert database.asked == 1
    with pytest.raises(Transient, match="db upgrade"):
        gate.require()


def test_an_open_gate_asks_no_more() -> None:
    """Once the tables are there they stay."""
    database = _Database()
    gate = SchemaGate(database.check, database.clock)
    gate.problem()
    database.problems = []
    database.now += CHECK_EVERY_S

    gate.require()
    database.problems = ["gone"]
    database.now += CHECK_EVERY_S
    gate.require()

    assert database.asked == 2
    assert gate.state().reason is None


def test_the_state_asks_nobody() -> None:
    """Health reports must answer at once."""
    database = _Database()
    gate = SchemaGate(database.check, database.clock)

    assert gate.state().reason == "the database is not checked yet"
    assert database.asked == 0
