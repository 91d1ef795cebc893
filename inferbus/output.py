"""
How commands speak: data on stdout, everything said to people beside it on stderr.

Data came from outside, so control characters in it never reach the terminal.
"""

import json as jsonlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TextIO

from bus.runtime.visible import visible, visible_json
from schemas.money import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# Piped tables are read by other programs: wide enough that nothing is folded.
_PIPE_WIDTH = 100_000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: which member of a row, under which title."""

    name: str
    title: str | None = None
    justify: Literal["left", "right"] = "left"


def emit(rows: Iterable[Row], json: bool, columns: Sequence[Column | str]) -> int:  # noqa: FBT001 - every command passes its --json
    """
    Write rows to stdout and return how many: one JSON object a line, or a table for people.

    JSON rows hold every member; the table holds the named columns. Rows may be a generator:
    JSON is written as they come.
    """
    if json:
        return _emit_json(rows)
    rows = list(rows)
    if not rows:
        say("nothing to show")
        return 0
    return _emit_table(rows, [_column(column) for column in columns])


def emit_json(row: Row) -> None:
    """Write one JSON object as a line to stdout, at once."""
    sys.stdout.write(json_line(row) + "\n")
    sys.stdout.flush()


def json_line(row: Row) -> str:
    """Return the row as JSON without line ends; unsafe characters are written as escapes."""
    text = jsonlib.dumps(row, ensure_ascii=False, separators=(", ", ": "), default=_plain_value)
    return visible_json(text)


def safe(value: object) -> str:
    """Return the value as text for people; control characters stand as visible escapes."""
    return visible(_text(value))


def say(text: str) -> None:
    """Tell the person something beside the data, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """Say in one line on stderr what is wrong and what to do."""
    say(f"inferbus: {safe(' '.join(text.split()))}")


def report_problems(problems: Sequence[str], json: bool, *, otherwise: str) -> int:  # noqa: FBT001 - as `emit`
    """Tell each problem, or people that all is well; return a check's exit status, 1 or 0."""
    if json:
        emit([{"problem": problem} for problem in problems], json, ("problem",))
        return 1 if problems else 0
    for problem in problems:
        complain(problem)
    if not problems:
        say(otherwise)
    return 1 if problems else 0


def stdout_console() -> "Console":
    """
    Return a console on stdout.

    Colours only on a terminal and without NO_COLOR; lines are not folded in a pipe.
    """
    return _console(sys.stdout)


def stderr_console() -> "Console":
    """Return a console on stderr, for progress and notes."""
    return _console(sys.stderr)


def progress() -> "Progress":
    """Return a progress bar on stderr; it shows nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=stderr_console(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _emit_json(rows: Iterable[Row]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the last number is the answer
        emit_json(row)
    return count


def _emit_table(rows: Sequence[Row], columns: Sequence[Column]) -> int:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        title = column.title or column.name.replace("_", " ")
        table.add_column(Text(title), justify=column.justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(row.get(column.name))) for column in columns))
    stdout_console().print(table)
    return len(rows)


def _column(column: Column | str) -> Column:
    return column if isinstance(column, Column) else Column(column)


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    return Console(
        file=stream,
        width=None if stream.isatty() else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(member)}" for key, member in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "-"
    return str(_plain_value(value))


def _plain_value(value: object) -> str | int | float | list[Any] | dict[str, Any]:
    """Turn what JSON does not know into what it knows."""
    match value:
        case datetime():
            from schemas.clock import rfc3339  # --help need not load its encoder

            return rfc3339(value)
        case Decimal():
            return plain(value)
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    return str(value)
