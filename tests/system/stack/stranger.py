"""What a stranger's program does: signs a URL as documented, posts, reads topics."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request


def request_id() -> str:
    """Return an id like the provider's own."""
    return "R" + secrets.token_hex(12)[:23]


def signed_path(signing_key: str, model: str, provider: str = "deepinfra") -> str:
    """Return `/webhooks/...` signed as the documentation says, with nothing of ours."""
    key_id, secret = signing_key.strip().split(":", 1)
    payload = _b64(json.dumps({"m": model, "l": {"suite": "stack"}}).encode())
    mac = hmac.new(secret.encode(), f"v1.{provider}.{key_id}.{payload}".encode(), hashlib.sha256)
    return f"/webhooks/{provider}/{key_id}.{payload}.{_b64(mac.digest())}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def post(url: str, body: bytes) -> tuple[int, dict[str, object]]:
    """Return the status and the parsed answer."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def succeeded_body(identity: str, *, filler: int = 0) -> bytes:
    """Return a result as the provider sends it, padded to about `filler` bytes."""
    text = "x" * filler
    return json.dumps(
        {
            "request_id": identity,
            "inference_status": {
                "status": "succeeded",
                "runtime_ms": 12,
                "cost": 0.0001140000022132881,
            },
            "results": [{"generated_text": text}],
        }
    ).encode()


def failed_body(identity: str) -> bytes:
    """Return a failure as the provider documents it."""
    status = {"status": "failed", "runtime_ms": 0, "cost": 0.0}
    return json.dumps({"request_id": identity, "inference_status": status}).encode()


def read_with_kafka_python(
    servers: str, topic: str, partition: int, offset: int
) -> tuple[dict[str, str], bytes]:
    """Return headers and value of the record at a position, read by plain kafka-python."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=servers.split(","), bootstrap_timeout_ms=15_000)
    where = TopicPartition(topic, partition)
    consumer.assign([where])
    consumer.seek(where, offset)
    try:
        record = next(iter(_polled(consumer)))
    finally:
        consumer.close()
    return {name: raw.decode() for name, raw in record.headers}, record.value


def _polled(consumer):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the client is untyped
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=1000).values():
            yield from records
    raise AssertionError("no record in 20 s")


def read_with_librdkafka(
    servers: str, topic: str, partition: int, offset: int
) -> tuple[dict[str, str], bytes]:
    """Return headers and value of the record at a position, read by confluent-kafka."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"stranger-{secrets.token_hex(4)}"}
    )
    consumer.assign([TopicPartition(topic, partition, offset)])
    try:
        message = consumer.poll(20)
        assert message is not None, "no record in 20 s"
        assert message.error() is None, message.error()
        return {name: raw.decode() for name, raw in message.headers()}, message.value()
    finally:
        consumer.close()
