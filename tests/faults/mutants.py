"""Changed copies of the packages: each breaks a promise on purpose, for the judge to find."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PACKAGES = ("schemas", "bus", "ingest", "consumers", "inferbus")


def mutant(folder: Path, file: str, old: str, new: str) -> str:
    """Return a folder for PYTHONPATH with a copy of the packages in which one text is replaced."""
    for package in _PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    path = folder / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))
    return str(folder)
