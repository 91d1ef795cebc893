"""What the commands that ask storage share: where it is, and how a row is shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inferbus.context import read_up
from inferbus.errors import ProblemError, WrongUsageError
from inferbus.output import emit, emit_json, safe, say
from inferbus.times import parse_since
from schemas.event import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bus.kafka import KafkaBus
    from bus.runtime.settings import Settings

_SHOWN_BYTES = 4096


def read_outcome(text: str) -> Outcome:
    """Return the outcome of that name; raises `WrongUsageError`."""
    try:
        return Outcome(text.strip().lower())
    except ValueError:
        names = ", ".join(Outcome)
        raise WrongUsageError(f"--outcome {text!r} is none of {names}") from None


def read_since(text: str | None) -> datetime | None:
    """Return the moment that `--since` names; raises `WrongUsageError`."""
    return None if text is None else parse_since(text, datetime.now(UTC))


@contextmanager
def open_storage(settings: "Settings") -> "Iterator[Engine]":
    """Open the database that storage writes to; raises `ProblemError` where there is none."""
    from consumers.engines import open_engine, parse_url, sqlite_file

    file = sqlite_file(parse_url(settings.database_url))
    if file is not None and not file.exists():
        # Opening would make an empty one, in a place that may only be mistyped.
        raise ProblemError(f"nothing is stored at {file}: start `inferbus up`, or name --data-dir")
    engine = open_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def open_bus(settings: "Settings") -> "KafkaBus":
    """
    Return the bus; beside an embedded broker tuned as its `up` is.

    Raises `ProblemError` where no Kafka is named, no `up` runs, and none is at the default address.
    """
    from bus.kafka import EMBEDDED, KafkaBus

    if "bootstrap_servers" not in settings.kafka.model_fields_set:
        _refuse_nobody(settings)
    return KafkaBus(settings.kafka, EMBEDDED if is_embedded(settings) else None)


def _refuse_nobody(settings: "Settings") -> None:
    from bus.kafka.preflight import first_obstacle

    for problem in first_obstacle(settings.kafka):
        raise ProblemError(
            f"no `inferbus up` runs on {settings.data_dir}: start it, or {problem.message}"
        )


def is_embedded(settings: "Settings") -> bool:
    """Tell whether the broker that the settings mean is the running `up`'s own."""
    known = read_up(settings.data_dir)
    has_broker = bool((known.get("pids") or {}).get("broker"))
    return has_broker and settings.kafka.bootstrap_servers == known.get("bootstrap_servers")


def show_facts(row: dict[str, Any], *, json: bool) -> None:
    """Show one row: as JSON, or a line for each of its members that says something."""
    if json:
        emit_json(row)
        return
    facts = [{"field": name, "value": value} for name, value in row.items() if value is not None]
    emit(facts, False, ["field", "value"])


def show_body(body: bytes) -> None:
    """Show the beginning of a body as far as it is text; control characters as escapes."""
    shown = safe(body[:_SHOWN_BYTES].decode("utf-8", "backslashreplace"))
    sys.stdout.write(f"{shown}\n")
    if len(body) > _SHOWN_BYTES:
        say(f"the first {_SHOWN_BYTES} of {len(body)} bytes; --raw writes them all, exactly")


def write_raw(body: bytes) -> None:
    """Write exact bytes to stdout and nothing else."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
