"""Which environment names are ours, and what a mistyped one was meant to be."""

import difflib
import re
from collections.abc import Iterable, Sequence

ENV_PREFIX = "INFERBUS_"
# Read where they are used, before or beside the tree of settings.
_BESIDE_THE_TREE = frozenset({"INFERBUS_SECRETS_DIR"})
# Kubernetes sets these for each service of a namespace (a service named inferbus-*).
_SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT|PORT)(_.*)?")


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be used; one line, says what to do."""


def unknown_names(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return one line for each `INFERBUS_*` name that is no setting, with a suggestion."""
    ours = (name.upper() for name in names if name.upper().startswith(ENV_PREFIX))
    strange = sorted({name for name in ours if not _is_known(name, known)})
    return [_complaint(name, known) for name in strange]


def _is_known(name: str, known: Sequence[str]) -> bool:
    if name in known or name in _BESIDE_THE_TREE or name.startswith("INFERBUS_TEST_"):
        return True
    return "__" not in name and _SERVICE_LINK.fullmatch(name) is not None


def _complaint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`inferbus config show` lists the settings"
    return f"unknown setting {name}: {hint}"
