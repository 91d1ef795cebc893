"""
Hold the licence of every locked package to a list: `python -m scripts.licences [--list]`.

Read from the metadata of what is installed, so without any network. Packages that are locked
for other systems only are left out.
"""
# ruff: noqa: INP001 - a folder of scripts is no package

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from license_expression import (
    ExpressionError,
    LicenseExpression,
    LicenseSymbol,
    get_spdx_licensing,
)
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "tests/system/stack/requirements.lock")

# The weak copyleft ones are imported as they come, each a package of its own that users may
# replace; nothing of them is copied or changed here.
ALLOWED = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
    | {"LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-2.0"}
)
# How metadata older than SPDX expressions (PEP 639) says it, in field or classifier.
_OLD_WORDS = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
}
_PINNED = re.compile(r"^([A-Za-z0-9][^\\#\n]*==[^\\#\n]+?)\s*\\?$", re.MULTILINE)
_SPDX = get_spdx_licensing()


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package and the licence its metadata states, None where that cannot be read."""

    name: str
    licence: str | None

    @property
    def problem(self) -> str | None:
        """What keeps the package from being used, None where nothing does."""
        if self.licence is None:
            return f"{self.name}: no licence in its metadata that we can read"
        if not is_allowed(self.licence):
            return f"{self.name}: {self.licence} is not on the list in scripts/licences.py"
        return None


def locked(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the names of packages that the lock files install on this system."""
    lines = {line for path in paths for line in _PINNED.findall(path.read_text(encoding="utf-8"))}
    requirements = (Requirement(line) for line in lines)
    yield from sorted({r.name for r in requirements if r.marker is None or r.marker.evaluate()})


def licence_of(said: PackageMetadata) -> str | None:
    """Return the SPDX expression of a package's metadata, None where it states none."""
    if expression := said.get("License-Expression"):
        return str(expression)
    words = [" ".join((said.get("License") or "").split())]
    # "Dual License" and the like say nothing: then the classifiers count.
    classifiers = (each.split(" :: ") for each in said.get_all("Classifier") or [])
    words += [parts[-1] for parts in classifiers if parts[0] == "License"]
    found = (_OLD_WORDS.get(word, word) for word in words)
    return next((word for word in found if word and _is_spdx(word)), None)


def _is_spdx(text: str) -> bool:
    try:
        _SPDX.parse(text, validate=True)
    except ExpressionError:
        return False
    return True


def is_allowed(expression: str) -> bool:
    """Tell whether a package may be used under its terms: every AND, or one of an OR."""
    return _may(_SPDX.parse(expression))


def _may(node: LicenseExpression) -> bool:
    if isinstance(node, LicenseSymbol):
        return str(node) in ALLOWED
    parts = [_may(part) for part in node.args]
    return any(parts) if node.operator.strip() == "OR" else all(parts)


def licensed(names: Iterable[str]) -> Iterator[Licensed]:
    """Yield what each package's metadata says."""
    for name in names:
        try:
            yield Licensed(name, licence_of(metadata(name)))
        except PackageNotFoundError:
            yield Licensed(f"{name} (not installed: make install-dev)", None)


def main(arguments: list[str]) -> int:
    """Complain about each package that may not be used; with --list name all with their terms."""
    packages = list(licensed(locked(ROOT / lock for lock in LOCKS)))
    if "--list" in arguments:
        for each in packages:
            sys.stdout.write(f"{each.name}\t{each.licence}\n")
    problems = [each.problem for each in packages if each.problem]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
