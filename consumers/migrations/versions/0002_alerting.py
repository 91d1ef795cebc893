"""
Alerting: seen events, counts, alerts and what its notifiers have to say.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from consumers.columns import Labels, Moment, PlainText

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of alerting."""
    _counting()
    _alerts()
    _notifications()


def _counting() -> None:
    op.create_table(
        "alert_seen",
        sa.Column("event_id", PlainText, primary_key=True),
        sa.Column("seen_at", Moment, nullable=False),
    )
    op.create_table(
        "alert_groups",
        sa.Column("rule", PlainText, primary_key=True),
        sa.Column("rule_hash", PlainText, primary_key=True),
        sa.Column("group_key", PlainText, primary_key=True),
        sa.Column("counted_at", Moment, nullable=False),
    )
    op.create_table(
        "alert_counts",
        sa.Column("rule", PlainText, primary_key=True),
        sa.Column("rule_hash", PlainText, primary_key=True),
        sa.Column("group_key", PlainText, primary_key=True),
        sa.Column("bucket", sa.BigInteger, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("samples", sa.JSON, nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("dedup_key", PlainText, primary_key=True),
        sa.Column("rule", PlainText, nullable=False),
        sa.Column("rule_hash", PlainText, nullable=False),
        sa.Column("state", PlainText, nullable=False),
        sa.Column("severity", PlainText, nullable=False),
        sa.Column("summary", PlainText, nullable=False),
        sa.Column("group", Labels, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
        sa.Column("samples", sa.JSON, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("resolve_at", Moment, nullable=False),
        sa.Column("resolved_at", Moment),
    )
    op.create_index("alerts_by_state", "alerts", ["state", "resolve_at"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("dedup_key", PlainText, sa.ForeignKey("alerts.dedup_key"), primary_key=True),
        sa.Column("state", PlainText, primary_key=True),
        sa.Column("notifier", PlainText, primary_key=True),
        sa.Column("status", PlainText, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("last_error", PlainText),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("notifications_by_due", "notifications", ["notifier", "status", "due_at"])
