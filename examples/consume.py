"""Print every finished job once: python examples/consume.py HOST:PORT."""
# ruff: noqa: INP001, T201 - an example is no package, and prints

import json
import sys

from kafka import KafkaConsumer

topics = ("inference.succeeded", "inference.failed")
consumer = KafkaConsumer(
    *topics,
    bootstrap_servers=sys.argv[1],
    group_id="my-service",
    auto_offset_reset="earliest",
    enable_auto_commit=False,
    session_timeout_ms=6000,
)
seen = set()  # in earnest: a unique column, filled in the transaction that keeps your result
for record in consumer:
    event_id = dict(record.headers)["ce_id"]
    if event_id not in seen:
        event = json.loads(record.value)
        print(event["outcome"], event["request_id"], event["model"], event["cost_usd"], flush=True)
        seen.add(event_id)
    consumer.commit()
