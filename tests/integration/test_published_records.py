"""Everything the ingress publishes and answers follows the published schemas."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bus.memory import MemoryBus
from bus.records import ReceivedRecord
from bus.runtime.health import Health
from bus.runtime.settings import Settings
from bus.runtime.settings_sections import IngestSettings
from inferbus.simulate.shapes import FAILED, SUCCEEDED, make_body
from ingest.service import IngestService
from schemas.callback import mint, parse_keys
from schemas.codec import decode_event
from schemas.topics import TopicNames
from tests.support.schemas import validate_event, validate_headers, validate_receipt

KEY = "test:0123456789abcdef0123456789abcdef"
SHAPES = [shape.name for shape in (*SUCCEEDED, *FAILED)]
INLINE_LIMIT = 100_000


@pytest.fixture
def bus() -> MemoryBus:
    """Return an in-memory bus with all topics."""
    return MemoryBus(TopicNames().all)


@pytest.fixture
async def url(bus: MemoryBus, tmp_path: Path) -> AsyncIterator[str]:
    """Run the ingress on the bus; return a callback URL with model, labels and job."""
    settings = Settings(
        data_dir=tmp_path,
        ingest=IngestSettings(port=0, signing_keys=SecretStr(KEY), inline_limit_bytes=INLINE_LIMIT),
    )
    service = IngestService(settings, bus.publisher("test"), Health())
    await service.start()
    yield mint(
        service.url,
        "deepinfra",
        parse_keys(KEY)[0],
        model="vendor/model",
        labels={"customer": "acmé"},
        job="night-7",
    )
    await service.stop()


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_known_shape_is_published_by_the_schema(
    bus: MemoryBus, url: str, shape: str
) -> None:
    """The receipt and the record validate, and the exact body comes back out of the record."""
    body = make_body(shape, "R7X9mLQ2vT4bN8cK1dF6gH3j", seed=1)

    receipt = await _post(url, body, expected=200)

    record = _record_of(bus, receipt)
    validate_event(record.value or b"")
    event = decode_event(record.value or b"")
    assert event.id == record.header("ce_id") == receipt["events"][0]["event_id"]
    assert (event.model, event.labels, event.job) == (
        "vendor/model",
        {"customer": "acmé"},
        "night-7",
    )
    assert event.body_sha256 == hashlib.sha256(body).hexdigest()
    assert event.body == (body if len(body) <= INLINE_LIMIT else None)
    assert record.key == event.request_id.encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not-json"),
        (b"\xff\xfe", "not-utf8"),
        (b"[]", "not-object"),
        (b'{"request_id":"R1"}', "no-status"),
        (
            b'{"request_id":1,"request_id":2,"inference_status":{"status":"failed"}}',
            "duplicate-key",
        ),
        (b'{"a":' * 2000, "too-deep"),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",
)
async def test_what_is_not_understood_is_published_by_the_schema(
    bus: MemoryBus, url: str, body: bytes, reason: str
) -> None:
    """Answer, headers and the exact bytes of a quarantined delivery."""
    receipt = await _post(url, body, expected=202)

    record = _record_of(bus, receipt)
    validate_headers("quarantine", record.headers)
    assert receipt["reason"] == record.header("inferbus_reason") == reason
    assert record.value == body


async def test_a_refusal_follows_the_schema(url: str) -> None:
    """A stranger's answer has the same form as everybody's."""
    answer = await _post(f"{url}x", b"{}", expected=401)

    assert answer["reason"] == "unauthenticated"


async def _post(url: str, body: bytes, *, expected: int) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as response:
        answer = await response.json()
        assert response.status == expected, answer
    validate_receipt(answer)
    return dict(answer)


def _record_of(bus: MemoryBus, receipt: dict[str, Any]) -> ReceivedRecord:
    """Return the record at the position that the receipt names."""
    (entry,) = receipt["events"]
    reader = bus.read([entry["topic"]])
    (record,) = reader.poll(1.0)
    assert (record.position.partition, record.position.offset) == (
        entry["partition"],
        entry["offset"],
    )
    return record
