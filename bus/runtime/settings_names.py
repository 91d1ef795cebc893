"""Which environment names are ours, and what a mistyped one was meant to be."""

import difflib
import re
from collections.abc import Mapping, Sequence

ENV_PREFIX = "INFERBUS_"
# Read where they are used, before or beside the tree of settings.
_BESIDE_THE_TREE = frozenset({"INFERBUS_SECRETS_DIR"})
# Kubernetes sets these for each service of a namespace (a service named inferbus-*).
_LINK_NAME = re.compile(r".*_SERVICE_(HOST|PORT(_.*)?)|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?")
# Such a name without more is one of ours with an underscore too few, unless it holds a link.
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://.*")
_NEAR = 0.6
_ALIKE = 0.8
_MANY = 3


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be used; one line, says what to do."""


def unknown_names(given: Mapping[str, str], known: Sequence[str]) -> list[str]:
    """Return one line for each `INFERBUS_*` name that is no setting, with a suggestion."""
    ours = {name.upper(): text for name, text in given.items() if _is_ours(name)}
    strange = sorted(name for name, text in ours.items() if not _is_known(name, text, known))
    return [f"unknown setting {name}: {_hint(name, known)}" for name in strange]


def _is_ours(name: str) -> bool:
    return name.upper().startswith(ENV_PREFIX)


def _is_known(name: str, text: str, known: Sequence[str]) -> bool:
    if name in known or name in _BESIDE_THE_TREE or name.startswith("INFERBUS_TEST_"):
        return True
    return "__" not in name and _is_service_link(name, text)


def _is_service_link(name: str, text: str) -> bool:
    if _LINK_NAME.fullmatch(name):
        return True
    return name.endswith("_PORT") and _LINK_VALUE.fullmatch(text) is not None


def _hint(name: str, known: Sequence[str]) -> str:
    meant = _mistyped(name, known) or _flattened(name, known) or _misplaced(name, known)
    if meant:
        return f"did you mean {' or '.join(meant)}?"
    sections = list(dict.fromkeys(filter(None, map(_section, known))))
    section = _section(name)
    if section in sections:
        there = [_leaf(other) for other in known if _section(other) == section]
        return f"the names in {ENV_PREFIX}{section}__ are {', '.join(there)}"
    return f"the sections are {', '.join(sections)}; `inferbus config show` lists all settings"


def _mistyped(name: str, known: Sequence[str]) -> list[str]:
    """Return the setting whose section and name are both near, the nearest one."""
    return _nearest(
        {
            other: [
                _likeness(_section(name), _section(other)),
                _likeness(_leaf(name), _leaf(other)),
            ]
            for other in known
        }
    )


def _nearest(likeness: Mapping[str, Sequence[float]]) -> list[str]:
    near = [other for other, parts in likeness.items() if min(parts) >= _NEAR]
    return sorted(near, key=lambda other: -sum(likeness[other]))[:1]


def _flattened(name: str, known: Sequence[str]) -> list[str]:
    """Return the setting that is meant where a section has one underscore: LOG_LEVEL."""
    if "__" in name:
        return []
    flat = {other.replace("__", "_"): other for other in known}
    near = difflib.get_close_matches(name, flat, n=1, cutoff=_ALIKE)
    return [flat[text] for text in near]


def _misplaced(name: str, known: Sequence[str]) -> list[str]:
    """Return the settings of this very name in other sections, where they are few."""
    there = [other for other in known if _leaf(other) == _leaf(name)]
    return there if len(there) < _MANY else []


def _section(name: str) -> str:
    return name.removeprefix(ENV_PREFIX).rpartition("__")[0]


def _leaf(name: str) -> str:
    return name.removeprefix(ENV_PREFIX).rpartition("__")[2]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio() if one and other else one == other
