"""What was held or parked goes back as it came, and is marked only when Kafka has it."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.errors import PublishTimeoutError
from bus.memory import MemoryBus
from bus.records import Record
from consumers.storage.rows import StoredDeadLetter, StoredQuarantine
from inferbus.errors import WrongUsageError
from inferbus.replay import Step, publish_steps, put_back, told, understand
from inferbus.replay_command import require_choice
from schemas.codec import decode_event
from schemas.event import Outcome, PayloadRef
from schemas.ids import content_id
from schemas.topics import TopicNames

NAMES = TopicNames()
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
GOOD = b' {"request_id": "R1", "inference_status": {"status": "succeeded", "cost": 0.1}} '
LIMIT = 1000


class Blobs:
    """A blob store in memory."""

    def __init__(self, *bodies: bytes) -> None:
        self.kept = {hashlib.sha256(body).hexdigest(): body for body in bodies}

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """Keep a body."""
        self.kept[sha256] = body
        return PayloadRef(f"memory:{sha256}", sha256, len(body))

    def get(self, sha256: str) -> bytes:
        """Return a body."""
        return self.kept[sha256]

    def has(self, sha256: str) -> bool:
        """Tell whether a body is there."""
        return sha256 in self.kept


def held(body: bytes = GOOD, reason: str = "expired") -> StoredQuarantine:
    """Return a row of the quarantine."""
    return StoredQuarantine(
        event_id="deepinfra:sha256-ff:quarantined",
        provider="deepinfra",
        reason=reason,
        detail="",
        model="acme/large",
        labels={"team": "blue"},
        job="job-7",
        payload_text="eyJtIjoiYWNtZSJ9",
        received_at=AT,
        stored_at=AT,
        topic="inference.quarantine",
        partition_no=0,
        offset_no=0,
        replayed_at=None,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body_ref=None,
        inline=body,
    )


def parked(value: bytes | None = b"value") -> StoredDeadLetter:
    """Return a row of the dead letters."""
    return StoredDeadLetter(
        consumer="storage",
        dl_key="k",
        event_id="deepinfra:R1:failed",
        reason="unstorable",
        detail="",
        parked_at=AT,
        stored_at=AT,
        topic="inference.failed",
        partition_no=2,
        offset_no=9,
        key=b"R1",
        value=value,
        headers=[("ce_id", b64encode(b"deepinfra:R1:failed").decode())],
        value_sha256="x",
        replayed_at=None,
    )


def test_a_delivery_goes_back_with_its_labels_and_its_first_arrival() -> None:
    """The same event that an unexpired URL would have made then."""
    step = understand(held(), Blobs(), NAMES, LIMIT)

    event = decode_event(step.records[0].value or b"")
    assert step.events == ("deepinfra:R1:succeeded",)
    assert step.records[0].topic == "inference.succeeded"
    assert (event.model, dict(event.labels), event.job) == ("acme/large", {"team": "blue"}, "job-7")
    assert (event.received_at, event.body) == (AT, GOOD)
    assert step.records[0].header("traceparent")


def test_an_event_without_an_id_gets_the_one_its_url_gives_it() -> None:
    """The URL's payload text takes part in the id, as it did at the first parsing."""
    body = b'{"inference_status": {"status": "failed"}}'

    step = understand(held(body), Blobs(), NAMES, LIMIT)

    assert step.events == (f"deepinfra:{content_id('eyJtIjoiYWNtZSJ9', body)}:failed",)


def test_a_quoted_callback_url_stays_masked() -> None:
    """A replay derives what the endpoint would have: no credential, and the body as it came."""
    body = (
        b'{"request_id": "R1", "inference_status": {"status": "failed"},'
        b' "error": "no answer from https://h/webhooks/deepinfra/k1.e30.c2VjcmV0"}'
    )

    step = understand(held(body), Blobs(), NAMES, LIMIT)

    event = decode_event(step.records[0].value or b"")
    assert event.error is not None
    assert event.error.message == "no answer from https://h/webhooks/deepinfra/***"
    assert event.body == body


def test_what_is_still_malformed_stays() -> None:
    """It says why, and nothing is published."""
    step = understand(held(b"not json", "not-json"), Blobs(), NAMES, LIMIT)

    assert step.records == ()
    assert step.problem is not None
    assert step.problem.startswith("still not-json: ")


def test_a_provider_without_adapter_stays() -> None:
    """An older version may have known it."""
    step = understand(replace(held(), provider="gone"), Blobs(), NAMES, LIMIT)

    assert step.problem == "no adapter for provider gone"


def test_a_body_in_the_blob_store_is_referred_to_where_it_lies() -> None:
    """It is read for parsing, and does not travel."""
    large = replace(held(), inline=None, body_ref="file:///blobs/x")

    step = understand(large, Blobs(GOOD), NAMES, LIMIT)

    event = decode_event(step.records[0].value or b"")
    assert event.body is None
    assert event.payload_ref == PayloadRef("file:///blobs/x", large.body_sha256, len(GOOD))


def test_a_body_above_the_inline_limit_goes_to_the_blob_store() -> None:
    """The limit may have been lowered since."""
    blobs = Blobs()

    step = understand(held(), blobs, NAMES, inline_limit_bytes=10)

    assert decode_event(step.records[0].value or b"").body is None
    assert list(blobs.kept.values()) == [GOOD]


@pytest.mark.parametrize("value", [b"value", b"", None])
def test_a_parked_record_goes_back_verbatim(value: bytes | None) -> None:
    """To its own topic, with its own key and headers."""
    step = put_back(parked(value))

    assert step.records == (
        Record("inference.failed", b"R1", value, (("ce_id", b"deepinfra:R1:failed"),)),
    )


class Marked:
    """Remembers what was marked as replayed."""

    def __init__(self) -> None:
        self.rows: list[StoredDeadLetter | StoredQuarantine] = []

    def __call__(self, rows: Sequence[StoredDeadLetter | StoredQuarantine]) -> None:
        """Mark rows."""
        self.rows += rows


def test_acknowledged_rows_are_marked_and_say_where_they_lie() -> None:
    """All of them, however many."""
    bus, marked = MemoryBus(NAMES.all), Marked()
    steps = (put_back(parked()) for _ in range(120))

    results = list(publish_steps(steps, bus.publisher("test"), marked))

    assert len(results) == len(marked.rows) == len(bus.records("inference.failed")) == 120
    assert {result.positions[0].topic for result in results} == {"inference.failed"}
    assert told(results[0], is_done=True)["result"] == "replayed"


def test_what_kafka_does_not_acknowledge_is_not_marked() -> None:
    """It may be written, so it stays for another replay."""
    bus, marked = MemoryBus(NAMES.all), Marked()
    bus.faults.fail_publishes(PublishTimeoutError("late"))

    results = list(publish_steps([put_back(parked())], bus.publisher("test"), marked))

    assert results[0].problem == "not acknowledged: late"
    assert marked.rows == []


def test_a_step_with_a_problem_is_neither_published_nor_marked() -> None:
    """It is passed on to be reported."""
    bus, marked = MemoryBus(NAMES.all), Marked()

    results = list(publish_steps([Step(held(), problem="no")], bus.publisher("test"), marked))

    assert told(results[0], is_done=True) == {
        "id": "deepinfra:sha256-ff:quarantined",
        "result": "kept",
        "events": [],
        "topics": [],
        "problem": "no",
    }
    assert marked.rows == []
    assert all(bus.records(NAMES.for_outcome(outcome)) == [] for outcome in Outcome)


@pytest.mark.parametrize(
    ("event_id", "reason", "every"),
    [(None, None, False), ("a", "b", False), (None, "b", True), ("a", None, True)],
)
def test_a_replay_needs_one_choice(
    event_id: str | None, reason: str | None, *, every: bool
) -> None:
    """Nothing is replayed because something was left out."""
    with pytest.raises(WrongUsageError, match="--id"):
        require_choice(event_id, reason, every=every)
