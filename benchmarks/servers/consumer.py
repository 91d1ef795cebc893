"""
The baseline of consumers: kafka-python reading topics and doing nothing with what it reads.

    python -m benchmarks.servers.consumer BOOTSTRAP_SERVERS RECORDS TOPIC…

Prints records a second and CPU microseconds a record, from the first batch to the last.
"""

import sys
import time

from kafka import KafkaConsumer

from benchmarks.servers.pace import Pace


def main(servers: str, wanted: int, topics: list[str]) -> None:
    """Read so many records."""
    consumer = KafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        group_id=f"bare-{time.time_ns()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    pace = Pace()
    while pace.seen < wanted:
        pace.add(sum(len(records) for records in consumer.poll(1000).values()))
    print(pace.told())
    consumer.close(autocommit=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
