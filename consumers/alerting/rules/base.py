"""What every rule does; `tests/contract/test_rules.py` runs on each of them."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import orjson

from consumers.alerting.windows import Window
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Quarantined

MAX_LABEL_CHARS = 200

Observable = InferenceEvent | Quarantined | DeadLetter
Group = Mapping[str, str]


class Rule(Protocol):
    """
    Says which events count, for which group, and how many in a window are too many.

    A rule is a value: it keeps nothing between events. Counting, windows and alerts are the
    store's, so that they survive restarts and add up over instances.
    """

    @property
    def name(self) -> str:
        """Lower case words joined by `-`; stands in the dedup key, in metrics and in logs."""
        ...

    @property
    def severity(self) -> str:
        """`info`, `warning` or `critical`."""
        ...

    @property
    def window(self) -> Window:
        """Over which time events are counted."""
        ...

    @property
    def threshold(self) -> int:
        """The count in one window, at least 1, from which on an alert is raised."""
        ...

    @property
    def hash(self) -> str:
        """Changes with everything that changes what is counted: old counts then rest."""
        ...

    def observe(self, event: Observable) -> Group | None:
        """
        Return the group the event counts for, None where it does not count.

        Groups are made with `group`, and never hold a request id: there would be an alert
        for every job.
        """
        ...

    def summarize(self, group: Group, value: int) -> str:
        """Return one line for people: what happened, how often, in which time."""
        ...


def group(**labels: str | None) -> Group:
    """Return a group whose labels can stand in a key, a log line and a database."""
    return {name: _printable(value or "unknown") for name, value in labels.items()}


def group_key(labels: Group) -> str:
    """Return one text per group, whatever the order of its labels."""
    return orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS).decode()


def rule_hash(**parameters: object) -> str:
    """Return a short hash over a rule's parameters."""
    text = orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]


def dedup_key(rule: Rule, labels: Group, period: int) -> str:
    """Return the identity of the alert a group may have in a period."""
    text = f"{rule.hash}\n{group_key(labels)}\n{period}"
    return f"{rule.name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _printable(text: str) -> str:
    # PostgreSQL's text refuses NUL; a line break would forge a second log line.
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown[:MAX_LABEL_CHARS]
