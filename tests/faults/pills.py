"""Records that no consumer can read, put onto the topics as a foreign program would."""

from kafka import KafkaProducer

from tests.faults.system import System

PILLS: tuple[bytes | None, ...] = (
    None,
    b"",
    b"\x00",
    b"{}",
    b"[" * 5000,
    b'{"id": 1e200000}',
    b'{"id": "deepinfra:x:succeeded", "payload": {',
    b"\xff\xfe{",
    b'{"id": null, "body_bytes": -1, "payload": 1}',
    b"not json at all",
)


def publish_pills(system: System, count: int = len(PILLS)) -> int:
    """Publish so many of them on each topic of events; return how many in all."""
    producer = KafkaProducer(
        bootstrap_servers=system.servers.split(","), acks="all", enable_idempotence=False
    )
    try:
        topics = [f"{system.prefix}.{outcome}" for outcome in ("succeeded", "failed", "progress")]
        futures = [
            producer.send(topic, value=_distinct(pill, number), key=b"pill")
            for topic in topics
            for number, pill in enumerate(PILLS[:count])
        ]
        for future in futures:
            future.get(10)
    finally:
        producer.close(10)
    return len(futures)


def _distinct(pill: bytes | None, number: int) -> bytes | None:
    return None if pill is None else pill + b" " * (number % 3)
