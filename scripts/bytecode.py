"""
Compiles what our packages import: `python -m scripts.bytecode [PACKAGE...]`, run by `make install`.

pip compiles what it installs, uv does not, and where PYTHONDONTWRITEBYTECODE is set, as in many
containers, each start would compile everything anew: 1.6 s of CPU for `inferbus up`. Compiling
all that lies in the environment takes three times as long as importing what is used.
"""
# ruff: noqa: INP001 - a folder of scripts is no package

import compileall
import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_OURS = ("bus", "consumers", "inferbus", "ingest", "schemas")
_MIGRATIONS = "consumers.migrations"
"""Scripts that Alembic runs; they cannot be imported."""


def main(packages: Sequence[str] = _OURS) -> None:
    """Import every module of the packages, which compiles it and what it imports."""
    sys.dont_write_bytecode = False
    for name in _modules(packages):
        importlib.import_module(name)
    compileall.compile_dir(Path(*_MIGRATIONS.split(".")), quiet=1)


def _modules(packages: Sequence[str]) -> Iterator[str]:
    for package in packages:
        for found in pkgutil.walk_packages([package], f"{package}."):
            if "__main__" not in found.name and not found.name.startswith(_MIGRATIONS):
                yield found.name


if __name__ == "__main__":
    main(sys.argv[1:] or _OURS)
