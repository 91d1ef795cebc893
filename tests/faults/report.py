"""One line of figures per row: JSON for programs, a table for people."""

import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.kafka import KAFKA_VERSION

FULL = os.environ.get("INFERBUS_TEST_FAULTS") == "full"
"""Whether the long form of every row was asked for."""

full_form_only = pytest.mark.skipif(
    not FULL, reason="the fault suite's short form: `make faults` runs all of it"
)
"""Marks a row that the short form leaves out, because others break the same place."""

_FILE = os.environ.get("INFERBUS_TEST_FAULTS_REPORT")

COLUMNS = {
    "row": "row",
    "what": "fault",
    "calls": "calls",
    "acked": "2xx",
    "spooled": "of it spooled",
    "refused": "4xx/5xx",
    "unknown": "unknown",
    "missing": "missing",
    "doubled": "doubled",
    "copies": "records over",
    "first_2xx_s": "s to first 2xx",
    "silent_s": "longest s without 2xx",
    "lag0_s": "s to lag 0",
    "slowest_s": "slowest answer s",
    "unanswered_s": "longest unresolved s",
    "rss": "memory after/before",
    "killed": "kills",
    "verdict": "verdict",
}


@dataclass(slots=True)
class Report:
    """The rows of a run, in the order they ended."""

    rows: list[dict[str, object]] = field(default_factory=list)
    write_line: Callable[[str], None] | None = None
    """Where progress is said; nowhere in the short form."""

    def add(self, **row: object) -> None:
        """Keep a row, and append it to the file that `INFERBUS_TEST_FAULTS_REPORT` names."""
        self.rows.append(row)
        figures = {name: row.get(name) for name in ("missing", "doubled", "lag0_s")}
        self.say(f"{row['row']}: {row['verdict']} {figures}")
        if _FILE:
            with Path(_FILE).open("a") as file:
                file.write(json.dumps(row) + "\n")

    def begin(self) -> None:
        """Write down what is run where, for whoever reads the figures later."""
        if _FILE:
            with Path(_FILE).open("a") as file:
                file.write(json.dumps({"run": surroundings()}) + "\n")

    def say(self, line: str) -> None:
        """Show a line of progress."""
        if self.write_line is not None:
            self.write_line(f"{datetime.now():%H:%M:%S} {line}")  # noqa: DTZ005 - a wall clock to look at

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        return render(self.rows)


def surroundings() -> dict[str, str]:
    """Return date, machine and versions."""
    with Path("/proc/meminfo").open() as meminfo:
        memory_gb = int(next(meminfo).split()[1]) / 1024**2
    packages = ("inferbus", "kafka-python", "aiohttp", "SQLAlchemy")
    versions = [f"{name} {version(name)}" for name in packages]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.platform(terse=True)}",
        "versions": ", ".join(
            [f"Apache Kafka {KAFKA_VERSION}", f"Python {platform.python_version()}", *versions]
        ),
    }


def scaled(short: float, full: float) -> float:
    """Return the length or count for the form that was asked for."""
    return full if FULL else short


def render(rows: list[dict[str, object]], columns: Mapping[str, str] = COLUMNS) -> str:
    """Return rows as a Markdown table."""
    lines = [_line(list(columns.values())), _line(["---"] * len(columns))]
    lines += [_line([_shown(row.get(key)) for key in columns]) for row in rows]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


REPORT = Report()
