"""One line of figures per row: JSON for programs, a table for people."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

FULL = os.environ.get("INFERBUS_TEST_FAULTS") == "full"
"""Whether the long form of every row was asked for."""

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

    def say(self, line: str) -> None:
        """Show a line of progress."""
        if self.write_line is not None:
            self.write_line(f"{datetime.now():%H:%M:%S} {line}")  # noqa: DTZ005 - a wall clock to look at

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        return render(self.rows)


def scaled(short: float, full: float) -> float:
    """Return the length or count for the form that was asked for."""
    return full if FULL else short


def render(rows: list[dict[str, object]]) -> str:
    """Return rows as a Markdown table."""
    lines = [_line(list(COLUMNS.values())), _line(["---"] * len(COLUMNS))]
    lines += [_line([_shown(row.get(key)) for key in COLUMNS]) for row in rows]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


REPORT = Report()
