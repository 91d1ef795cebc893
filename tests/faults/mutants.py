"""Changed copies of the packages: each breaks a promise on purpose, for the judge to find."""

import shutil
import subprocess
import sys
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
        _require_names(path)
    return str(folder)


def _require_names(path: Path) -> None:
    # A mutant that fails at its first call breaks no promise: it answers nothing.
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "F821"]
    done = subprocess.run([*check, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
