"""
Turns the rows of a run into JSON and a table: `python -m tests.faults.publish ROWS...`.

Without options the table goes into docs/guarantees.md, between its markers. Of a row that ran
more than once, the last run counts.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.faults.report import render

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN = "<!-- the table of a run: `python -m tests.faults.publish` writes it -->"
END = "<!-- end of the table -->"
_SHOWN = {
    "row": "row",
    "what": "fault",
    "acked": "2xx",
    "spooled": "of it spooled",
    "refused": "4xx/5xx",
    "unknown": "unknown",
    "missing": "missing",
    "doubled": "doubled",
    "copies": "records over",
    "first_2xx_s": "s to first 2xx",
    "lag0_s": "s to lag 0",
    "unanswered_s": "longest unresolved s",
    "rss": "memory after/before",
    "killed": "kills",
    "verdict": "verdict",
}


def read_rows(files: Iterable[Path]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return where and with what was run, and the rows, each fault once, in order."""
    run: dict[str, str] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        for line in file.read_text().splitlines():
            said = json.loads(line)
            if "run" in said:
                run = said["run"]
            else:
                rows[said["row"], said["what"]] = said
    return run, sorted(rows.values(), key=lambda row: _order(row["row"]))


def text_of(run: dict[str, str], rows: Sequence[dict[str, Any]]) -> str:
    """Return the table with a heading line that says when, where, with what."""
    kills = sum(row.get("killed") or 0 for row in rows)
    failing = sum("FAILS" in row["verdict"] for row in rows)
    said = f"{run['date']}; {run['machine']}; {run['versions']}."
    counted = f"{len(rows)} rows, {failing} of them fail; {kills} processes were killed."
    return f"{said}\n{counted}\n\n{render(list(rows), _SHOWN)}\n"


def put_between_markers(page: str, text: str) -> str:
    """Return the page with the text between its markers. Raises ValueError where they lack."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no markers for the table")
    return f"{before}{BEGIN}\n{text}{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.publish", description=__doc__)
    parser.add_argument("rows", nargs="+", type=Path, help="files a run has written, a row a line")
    parser.add_argument("--json", type=Path, help="write one JSON object")
    parser.add_argument("--table", type=Path, help="write the table alone")
    asked = parser.parse_args(arguments)
    run, rows = read_rows(asked.rows)
    if asked.json:
        asked.json.write_text(json.dumps({"run": run, "rows": rows}, indent=2) + "\n")
    if asked.table:
        asked.table.write_text(text_of(run, rows))
    if not (asked.json or asked.table):
        PAGE.write_text(put_between_markers(PAGE.read_text(), text_of(run, rows)))


def _order(name: str) -> tuple[int, int, str]:
    """F1, F2, … F10, then the others by name, the mutants last."""
    if name[:1] == "F" and name[1:].isdigit():
        return 0, int(name[1:]), ""
    return (2, 0, name) if name == "M" else (1, 0, name)


if __name__ == "__main__":
    main()
