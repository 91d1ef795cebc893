"""
A delivery through the published port, read back as a stranger would.

Runs on the host and, the same file, inside the compose network. Imports nothing of ours.
"""

from collections.abc import Callable

import pytest
from addresses import Addresses
from stranger import (
    failed_body,
    post,
    read_with_kafka_python,
    read_with_librdkafka,
    request_id,
    signed_path,
    succeeded_body,
)

Reader = Callable[[str, str, int, int], tuple[dict[str, str], bytes]]

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("read", [read_with_kafka_python, read_with_librdkafka])
def test_a_stranger_reads_the_record_at_the_receipt(addresses: Addresses, read: Reader) -> None:
    """The receipt names topic, partition and offset; any client finds the exact body there."""
    identity = request_id()
    body = succeeded_body(identity)

    status, answer = post(addresses.ingest + signed_path(addresses.signing_key, "m/one"), body)

    assert (status, answer["status"], answer["durability"]) == (200, "published", "kafka")
    receipt = answer["events"][0]
    headers, value = read(
        addresses.kafka, receipt["topic"], receipt["partition"], receipt["offset"]
    )
    assert f"deepinfra:{identity}:succeeded" == headers["ce_id"]
    assert body == value[-1 - len(body) : -1]


def test_a_failure_goes_to_its_own_topic(addresses: Addresses) -> None:
    """Failed jobs are on a topic of their own."""
    status, answer = post(
        addresses.ingest + signed_path(addresses.signing_key, "m/one"), failed_body(request_id())
    )

    assert (status, answer["events"][0]["topic"]) == (200, "inference.failed")


def test_a_large_body_travels_by_reference(addresses: Addresses) -> None:
    """A 2 MB body is acknowledged; the record carries the reference, not the body."""
    body = succeeded_body(request_id(), filler=2_000_000)

    status, answer = post(addresses.ingest + signed_path(addresses.signing_key, "m/large"), body)

    receipt = answer["events"][0]
    _headers, value = read_with_kafka_python(
        addresses.kafka, receipt["topic"], receipt["partition"], receipt["offset"]
    )
    assert status == 200
    assert b'"payload_ref"' in value
    assert len(value) < 10_000


def test_a_wrong_credential_is_refused(addresses: Addresses) -> None:
    """A URL signed with another key opens nothing."""
    path = signed_path("k1:" + "0" * 64, "m/one")

    status, answer = post(addresses.ingest + path, succeeded_body(request_id()))

    assert (status, answer["reason"]) == (401, "unauthenticated")
