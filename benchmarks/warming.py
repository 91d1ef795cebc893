"""A broker that has just started is measured only once it is as fast as it will be."""

import time

from confluent_kafka import Producer

from tests.support.kafka import KafkaCluster

PARTITIONS = 12
# Java compiles what it runs most; after some thousand requests little is left of it.
_SECONDS = 15.0
_BURST = 32
_FLUSH_S = 30


def warm_up(kafka: KafkaCluster, seconds: float = _SECONDS) -> None:
    """Write small bursts, as the ingress does, for so long."""
    topic = kafka.fresh_topic(PARTITIONS)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 0})
    headers: dict[str, str | bytes | None] = {f"header-{n}": bytes(24) for n in range(8)}
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        for number in range(_BURST):
            producer.produce(topic, bytes(1400), f"{time.monotonic_ns()}-{number}", headers=headers)
        producer.flush(_FLUSH_S)
    kafka.delete_topic(topic)
