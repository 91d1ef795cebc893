"""Results of subjects, kept as JSON: one file each, replaced by the next run of that subject."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.figures import Figure
from benchmarks.report.machine import Machine

FOLDER = Path(__file__).parents[1] / "results"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """
    One subject's latest run; `left_out` says why it has no figures, where it has none.

    `rounds`, `seconds`, `restarts` and `rows` are those of `Options`.
    """

    subject: str
    date: str
    form: str
    rounds: int
    seconds: float
    restarts: int = 0
    rows: int = 0
    took_s: float = 0.0
    machine: Machine
    figures: Sequence[Figure] = ()
    left_out: str = ""


def write(result: Result, folder: Path = FOLDER) -> None:
    """Keep a result in place of the subject's last one."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(result))
    (folder / f"{result.subject}.json").write_bytes(text + b"\n")


def read(subject: str, folder: Path = FOLDER) -> Result | None:
    """Return the subject's latest result, None where it was never measured."""
    path = folder / f"{subject}.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Result)
