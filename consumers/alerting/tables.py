"""The tables of alerting, on the metadata that all consumers share."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
)

from consumers.columns import Labels, Moment, PlainText, metadata

ALERT_SEEN = Table(
    "alert_seen",
    metadata,
    Column("event_id", PlainText, primary_key=True),
    Column("seen_at", Moment, nullable=False),
)
"""Events that were counted, or that no rule may count any more."""

ALERT_GROUPS = Table(
    "alert_groups",
    metadata,
    Column("rule", PlainText, primary_key=True),
    Column("rule_hash", PlainText, primary_key=True),
    Column("group_key", PlainText, primary_key=True),
    Column("counted_at", Moment, nullable=False),
)
"""One row per group: whoever counts for a group holds its row until the commit."""

ALERT_COUNTS = Table(
    "alert_counts",
    metadata,
    Column("rule", PlainText, primary_key=True),
    Column("rule_hash", PlainText, primary_key=True),
    Column("group_key", PlainText, primary_key=True),
    Column("bucket", BigInteger, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("samples", JSON, nullable=False),
)
"""How many events of a group lie in a bucket of their `received_at`."""

ALERTS = Table(
    "alerts",
    metadata,
    Column("dedup_key", PlainText, primary_key=True),
    Column("rule", PlainText, nullable=False),
    Column("rule_hash", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("severity", PlainText, nullable=False),
    Column("summary", PlainText, nullable=False),
    Column("group", Labels, nullable=False),
    Column("value", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("samples", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("resolve_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Index("alerts_by_state", "state", "resolve_at"),
)
"""One row per group and period in which a window reached the threshold."""

NOTIFICATIONS = Table(
    "notifications",
    metadata,
    Column("dedup_key", PlainText, ForeignKey("alerts.dedup_key"), primary_key=True),
    Column("state", PlainText, primary_key=True),
    Column("notifier", PlainText, primary_key=True),
    Column("status", PlainText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("last_error", PlainText),
    Column("created_at", Moment, nullable=False),
    Index("notifications_by_due", "notifier", "status", "due_at"),
)
"""
What each notifier has to say of an alert, and how that went: pending, leased, sent or failed.

`due_at` is when a pending one may be tried next, and when the lease of a leased one ends. An
alert without a row here was recorded only.
"""
