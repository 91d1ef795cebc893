"""Pytest plugin: one line before the summary that says what was left out, and why."""

from collections import Counter
from collections.abc import Iterable

import pytest


def left_out(reasons: Iterable[str]) -> str:
    """Return the line for these reasons of skipped tests, one reason per test."""
    counted = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    if not counted:
        return "nothing was left out"
    said = (f"{count} ({reason})" for reason, count in counted.most_common())
    return f"left out: {', '.join(said)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the line."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = (r.longrepr[2] if isinstance(r.longrepr, tuple) else "no reason" for r in reports)
    terminalreporter.write_line(left_out(reasons))
