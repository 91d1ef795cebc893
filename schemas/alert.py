"""What alerting tells a notifier."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class AlertState(StrEnum):
    """Whether the condition holds or has ended."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """
    One alert, identified by `dedup_key`: a notifier may be told of it more than once.

    `group` holds the labels the rule groups by (provider, model), never a request id;
    `samples` are a few event ids to start looking at. `starts_at` and `ends_at` bound the
    window that was judged.
    """

    dedup_key: str
    rule: str
    state: AlertState
    severity: str
    summary: str
    group: Mapping[str, str] = {}
    value: float
    threshold: float
    starts_at: datetime
    ends_at: datetime
    samples: tuple[str, ...] = ()
