"""
Hostile bodies, each with what must come of it: `python -m tests.support.hostile` lists them.

Made by hand for this endpoint: numbers, texts, structures and whole bodies that other JSON
readers, tables, terminals or headers are known to trip over.
"""

import hashlib
from itertools import chain

from tests.support.hostile import bodies, numbers, other_provider, structures, texts
from tests.support.hostile.case import Case
from tests.support.schemas import ROOT

__all__ = ["CORPUS", "LISTING", "Case", "listing"]

_FAMILIES = (numbers, texts, structures, bodies, other_provider)
CORPUS: tuple[Case, ...] = tuple(chain.from_iterable(family.cases() for family in _FAMILIES))
LISTING = ROOT / "tests" / "fixtures" / "hostile-json.tsv"


def listing() -> str:
    """Return a line for each case: name, verdict, length, the beginning of its SHA-256."""
    lines = ("\t".join(_columns(case)) for case in CORPUS)
    return "\n".join(["name\tverdict\tbytes\tsha256", *lines, ""])


def _columns(case: Case) -> tuple[str, ...]:
    digest = hashlib.sha256(case.body).hexdigest()[:16]
    return case.name, case.verdict, str(len(case.body)), digest
