"""`inferbus tail`: follow events on Kafka as they arrive."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inferbus.context import command_settings
from inferbus.following import follow
from inferbus.output import emit_json, safe, say
from inferbus.questions import open_bus, read_outcome
from schemas.event import Outcome
from schemas.topics import TopicNames


def run(
    *,
    outcome: str | None = None,
    from_beginning: bool = False,
    count: int | None = None,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Write a line for each event until `count`, Ctrl-C, SIGTERM or the reader's end."""
    settings = command_settings(data_dir)
    names = TopicNames(settings.topics.prefix)
    topics = _topics(names, outcome)
    reader = open_bus(settings).read(topics, "earliest" if from_beginning else "latest")
    say(f"following {', '.join(topics)} (Ctrl-C ends it)")
    try:
        with _until_signalled() as stopped:
            return _write(follow(reader, names, count), stopped, json=json)
    finally:
        reader.close()


def _topics(names: TopicNames, outcome: str | None) -> Sequence[str]:
    if outcome is not None:
        return [names.for_outcome(read_outcome(outcome))]
    return [names.for_outcome(each) for each in Outcome]


def _write(rows: Iterator[dict[str, Any]], stopped: list[int], *, json: bool) -> int:
    try:
        for row in rows:
            if stopped:
                break
            if row:
                _show(row, json=json)
    except BrokenPipeError:  # the reader has what it wanted (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _show(row: dict[str, Any], *, json: bool) -> None:
    if json:
        emit_json(row)
        return
    sys.stdout.write(line_of(row) + "\n")
    sys.stdout.flush()


def line_of(row: dict[str, Any]) -> str:
    """Return `time outcome id · what else is known · where it lies`."""
    error = row.get("error") or {}
    facts = {
        "model": row.get("model"),
        "ms": row.get("runtime_ms"),
        "usd": row.get("cost_usd"),
        "inner": row.get("inner_status"),
        "error": error.get("message") or error.get("code"),
        "reason": row.get("reason"),
        "detail": row.get("detail"),
    }
    known = [f"{name}={safe(value)}" for name, value in facts.items() if value is not None]
    words = [safe(row.get("received_at")), f"{safe(row['outcome']):<11}", safe(row["id"]), *known]
    return " ".join([*words, f"{row['topic']}[{row['partition']}]@{row['offset']}"])


@contextlib.contextmanager
def _until_signalled() -> Iterator[list[int]]:
    """Give a list that holds the signal once one has come: a poll is never cut in the middle."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
