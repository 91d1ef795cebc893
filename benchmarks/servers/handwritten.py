"""
The baseline of storage: what somebody would write with the same libraries instead of running it.

    python -m benchmarks.servers.handwritten DATABASE_URL BOOTSTRAP_SERVERS RECORDS TOPIC…

A poll, a transaction of the driver's executemany, a commit of the offsets. Nothing is lost by it
as long as nothing goes wrong: it trusts each record to be an event, stops where one is not or a
database cannot keep a text, and drops other content under a stored event's id unseen.

Prints records a second and CPU microseconds a record, from the first batch to the last.
"""

import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from kafka import KafkaConsumer

from benchmarks.executemany import Row, Write, opened
from benchmarks.servers.pace import Pace

_NO_ERROR: dict[str, str | None] = {"code": None, "message": None}


def main(url: str, servers: str, wanted: int, topics: list[str]) -> None:
    """Store so many records."""
    consumer = KafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        group_id=f"handwritten-{time.time_ns()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1000,  # as many as storage writes at once
    )
    with opened(url) as write:
        print(work(consumer, write, wanted).told())
    consumer.close(autocommit=False)


def work(consumer: Any, write: Write, wanted: int) -> Pace:
    """Store batch after batch; the offsets are committed when the rows are."""
    pace = Pace()
    while pace.seen < wanted:
        polled = consumer.poll(1000)
        stored_at = datetime.now(UTC).isoformat()
        rows = [row(record, stored_at) for records in polled.values() for record in records]
        if rows:
            write(rows)
            consumer.commit()
        pace.add(len(rows))
    return pace


def row(record: Any, stored_at: str) -> Row:
    """Return a record's row; moments, money and labels as text, which both databases read."""
    value = record.value
    event = orjson.loads(value)
    error = event.get("error") or _NO_ERROR
    size = event["body_bytes"]
    is_inline = "payload" in event
    return (
        event["id"],
        event["provider"],
        event["request_id"],
        event["outcome"],
        event["provider_status"],
        event.get("model"),
        orjson.dumps(event.get("labels", {})).decode(),
        event.get("job"),
        event["received_at"],
        stored_at,
        event.get("runtime_ms"),
        event.get("cost_usd"),
        event.get("tokens_input"),
        event.get("tokens_output"),
        event.get("output_kind"),
        error.get("code"),
        error.get("message"),
        event.get("inner_status"),
        event["body_sha256"],
        size,
        value[-1 - size : -1] if is_inline else None,  # the exact bytes, not what they say
        None if is_inline else event["payload_ref"]["url"],
        record.topic,
        record.partition,
        record.offset,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
