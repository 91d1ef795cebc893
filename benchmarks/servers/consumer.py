"""
The baseline of consumers: kafka-python reading topics and doing nothing with what it reads.

    python -m benchmarks.servers.consumer BOOTSTRAP_SERVERS RECORDS TOPIC…

Prints records a second and CPU microseconds a record, from the first record to the last.
"""

import json
import sys
import time

from kafka import KafkaConsumer


def main(servers: str, wanted: int, topics: list[str]) -> None:
    """Read so many records."""
    consumer = KafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        group_id=f"bare-{time.time_ns()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    seen = first = 0
    started = cpu = 0.0
    while seen < wanted:
        polled = sum(len(records) for records in consumer.poll(1000).values())
        if not seen and polled:  # the clock starts once the group has formed
            first, started, cpu = polled, time.perf_counter(), time.process_time()
        seen += polled
    counted = max(1, seen - first)
    seconds = time.perf_counter() - started
    figures = {
        "per_second": counted / seconds,
        "cpu_us": (time.process_time() - cpu) / counted * 1e6,
    }
    print(json.dumps(figures))
    consumer.close(autocommit=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
