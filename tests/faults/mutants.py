"""Changed copies of the packages: each breaks a promise on purpose, for the judge to find."""

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_PACKAGES = ("schemas", "bus", "ingest", "consumers", "inferbus")


class Change(NamedTuple):
    """A text that stands once in a file, and what stands there in the mutant."""

    file: str
    old: str
    new: str


def mutant(folder: Path, *changes: Change) -> str:
    """Return a folder for PYTHONPATH with a copy of the packages that is changed so."""
    for package in _PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for file, old, new in changes:
        path = folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))
    return str(folder)
