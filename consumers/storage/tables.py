"""The tables of storage, and the view that says how each job stands."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)

from consumers.columns import Labels, Moment, Money, PlainText, metadata

EVENTS = Table(
    "events",
    metadata,
    Column("event_id", PlainText, primary_key=True),
    Column("provider", PlainText, nullable=False),
    Column("request_id", PlainText, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("provider_status", PlainText, nullable=False),
    Column("model", PlainText),
    Column("labels", Labels, nullable=False),
    Column("job", PlainText),
    Column("received_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("runtime_ms", BigInteger),
    Column("cost_usd", Money),
    Column("tokens_input", BigInteger),
    Column("tokens_output", BigInteger),
    Column("output_kind", PlainText),
    Column("error_code", PlainText),
    Column("error_message", PlainText),
    Column("inner_status", PlainText),
    Column("body_sha256", PlainText, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("body_ref", PlainText),
    Column("topic", PlainText, nullable=False),
    Column("partition_no", Integer, nullable=False),
    Column("offset_no", BigInteger, nullable=False),
    Index("events_by_time", "received_at", "event_id"),
    Index("events_by_request", "request_id", "provider"),
    Index("events_by_model", "model", "received_at"),
)
"""
One row per event, the first one stored. `body` holds the provider's exact bytes, or NULL and
`body_ref` says where they lie; `topic`, `partition_no`, `offset_no` say which record it was.
"""

CONFLICTS = Table(
    "conflicts",
    metadata,
    Column("event_id", PlainText, primary_key=True),
    Column("body_sha256", PlainText, primary_key=True),
    Column("body_bytes", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("body_ref", PlainText),
    Column("received_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("topic", PlainText, nullable=False),
    Column("partition_no", Integer, nullable=False),
    Column("offset_no", BigInteger, nullable=False),
    Index("conflicts_by_time", "received_at", "event_id"),
)
"""Other content that came under the id of a stored event."""

QUARANTINE = Table(
    "quarantine",
    metadata,
    Column("event_id", PlainText, primary_key=True),
    Column("provider", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("detail", PlainText, nullable=False),
    Column("model", PlainText),
    Column("labels", Labels, nullable=False),
    Column("job", PlainText),
    Column("payload_text", PlainText, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("body_sha256", PlainText, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("body_ref", PlainText),
    Column("topic", PlainText, nullable=False),
    Column("partition_no", Integer, nullable=False),
    Column("offset_no", BigInteger, nullable=False),
    Column("replayed_at", Moment),
    Index("quarantine_by_time", "received_at", "event_id"),
)
"""Authentic deliveries that could not be understood, with all that a replay needs."""

DEAD_LETTERS = Table(
    "dead_letters",
    metadata,
    Column("consumer", PlainText, primary_key=True),
    Column("dl_key", PlainText, primary_key=True),
    Column("event_id", PlainText),
    Column("reason", PlainText, nullable=False),
    Column("detail", PlainText, nullable=False),
    Column("parked_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("topic", PlainText, nullable=False),
    Column("partition_no", Integer, nullable=False),
    Column("offset_no", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSON, nullable=False),
    Column("value_sha256", PlainText, nullable=False),
    Column("replayed_at", Moment),
    Index("dead_letters_by_time", "parked_at", "dl_key"),
    Index("dead_letters_by_event", "event_id"),
    Index("dead_letters_by_value", "value_sha256"),
)
"""
Records a consumer parked. `topic`, `partition_no`, `offset_no` say where the record lay before.

`dl_key` is `<event id>#<value sha256>`, or the value's SHA-256 alone for a record without an
event id. `headers` is a list of [name, value in base64], in order.
"""

SEEN = Table(
    "seen",
    metadata,
    Column("book", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("sha256", PlainText, nullable=False),
    Column("pruned_before", Moment, nullable=False),
)
"""
What stays of a row that retention has removed, so that no second reading brings it back.

`book` is the row's table, `key` its primary key as one text, `sha256` that of its body or
value. All that came under the key before `pruned_before` has been dealt with.
"""

views = MetaData()
"""What is asked like a table, but made by a revision as a view."""

CURRENT_STATUS = Table(
    "current_status",
    views,
    *(Column(column.name, column.type) for column in EVENTS.columns),
)
"""
One row per (provider, request id): the greatest by succeeded over failed over progress, then
`received_at`, then `event_id`. It depends on no order of arrival.
"""
