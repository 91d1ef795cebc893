"""
Events, conflicts, quarantine, dead letters and the view of current status.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from consumers.columns import Labels, Moment, Money, PlainText

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CURRENT_STATUS = """
CREATE VIEW current_status AS
SELECT e.event_id, e.provider, e.request_id, e.outcome, e.provider_status, e.model, e.labels,
       e.job, e.received_at, e.stored_at, e.runtime_ms, e.cost_usd, e.tokens_input,
       e.tokens_output, e.output_kind, e.error_code, e.error_message, e.inner_status,
       e.body_sha256, e.body_bytes, e.body, e.body_ref, e.topic, e.partition_no,
       e.offset_no
FROM events AS e
WHERE NOT EXISTS (
    SELECT 1 FROM events AS other
    WHERE other.request_id = e.request_id AND other.provider = e.provider
      AND (CASE other.outcome WHEN 'succeeded' THEN 2 WHEN 'failed' THEN 1 ELSE 0 END,
           other.received_at, other.event_id)
        > (CASE e.outcome WHEN 'succeeded' THEN 2 WHEN 'failed' THEN 1 ELSE 0 END,
           e.received_at, e.event_id)
)
"""


def upgrade() -> None:
    """Make the tables of storage."""
    _events()
    _conflicts()
    _quarantine()
    _dead_letters()
    op.execute(_CURRENT_STATUS)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", PlainText, primary_key=True),
        sa.Column("provider", PlainText, nullable=False),
        sa.Column("request_id", PlainText, nullable=False),
        sa.Column("outcome", PlainText, nullable=False),
        sa.Column("provider_status", PlainText, nullable=False),
        sa.Column("model", PlainText),
        sa.Column("labels", Labels, nullable=False),
        sa.Column("job", PlainText),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("stored_at", Moment, nullable=False),
        sa.Column("runtime_ms", sa.BigInteger),
        sa.Column("cost_usd", Money),
        sa.Column("tokens_input", sa.BigInteger),
        sa.Column("tokens_output", sa.BigInteger),
        sa.Column("output_kind", PlainText),
        sa.Column("error_code", PlainText),
        sa.Column("error_message", PlainText),
        sa.Column("inner_status", PlainText),
        sa.Column("body_sha256", PlainText, nullable=False),
        sa.Column("body_bytes", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("body_ref", PlainText),
        sa.Column("topic", PlainText, nullable=False),
        sa.Column("partition_no", sa.Integer, nullable=False),
        sa.Column("offset_no", sa.BigInteger, nullable=False),
    )
    op.create_index("events_by_time", "events", ["received_at", "event_id"])
    op.create_index("events_by_request", "events", ["request_id", "provider"])
    op.create_index("events_by_model", "events", ["model", "received_at"])


def _conflicts() -> None:
    op.create_table(
        "conflicts",
        sa.Column("event_id", PlainText, primary_key=True),
        sa.Column("body_sha256", PlainText, primary_key=True),
        sa.Column("body_bytes", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("body_ref", PlainText),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("topic", PlainText, nullable=False),
        sa.Column("partition_no", sa.Integer, nullable=False),
        sa.Column("offset_no", sa.BigInteger, nullable=False),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("event_id", PlainText, primary_key=True),
        sa.Column("provider", PlainText, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("detail", PlainText, nullable=False),
        sa.Column("model", PlainText),
        sa.Column("labels", Labels, nullable=False),
        sa.Column("job", PlainText),
        sa.Column("payload_text", PlainText, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("stored_at", Moment, nullable=False),
        sa.Column("body_sha256", PlainText, nullable=False),
        sa.Column("body_bytes", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("body_ref", PlainText),
        sa.Column("topic", PlainText, nullable=False),
        sa.Column("partition_no", sa.Integer, nullable=False),
        sa.Column("offset_no", sa.BigInteger, nullable=False),
        sa.Column("replayed_at", Moment),
    )
    op.create_index("quarantine_by_time", "quarantine", ["received_at", "event_id"])


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("consumer", PlainText, primary_key=True),
        sa.Column("dl_key", PlainText, primary_key=True),
        sa.Column("event_id", PlainText),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("detail", PlainText, nullable=False),
        sa.Column("parked_at", Moment, nullable=False),
        sa.Column("stored_at", Moment, nullable=False),
        sa.Column("topic", PlainText, nullable=False),
        sa.Column("partition_no", sa.Integer, nullable=False),
        sa.Column("offset_no", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("value_sha256", PlainText, nullable=False),
        sa.Column("replayed_at", Moment),
    )
    op.create_index("dead_letters_by_time", "dead_letters", ["parked_at", "dl_key"])
    op.create_index("dead_letters_by_event", "dead_letters", ["event_id"])
    op.create_index("dead_letters_by_value", "dead_letters", ["value_sha256"])
