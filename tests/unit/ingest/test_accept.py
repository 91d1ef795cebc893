"""The use case: durable, then answered; shared, but never across different bytes."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bus.blobs import BlobStoreError, DirectoryBlobs
from bus.records import Position, Record
from ingest.accept import Acceptor
from ingest.keeping import Kept, NotDurableError
from ingest.providers import PROVIDERS
from ingest.report import Answer
from schemas.callback import Capability
from schemas.codec import decode_event, decode_quarantined
from schemas.delivery import ANONYMOUS, Delivery
from schemas.event import InferenceEvent, PayloadRef
from schemas.topics import TopicNames

NOW_S = 1_800_000_000.0
BODY = b'{"request_id":"R1","inference_status":{"status":"succeeded"}}'


@dataclass
class RememberingKeeper:
    """Keeps records in a list; waits while `gate` is shut, fails while `failure` is set."""

    records: list[Record] = field(default_factory=list)
    gate: asyncio.Event | None = None
    failure: str | None = None
    whole: list[Record] = field(default_factory=list)

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        if self.failure is not None:
            raise NotDurableError(self.failure)
        self.whole.append(record)
        return Kept("spool", None)

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise NotDurableError(self.failure)
        self.records.append(record)
        return Kept("kafka", Position(record.topic, 0, len(self.records) - 1))


class RefusingBlobs:
    """A blob store whose disk is full."""

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        raise BlobStoreError("No space left on device")

    def get(self, sha256: str) -> bytes:
        raise BlobStoreError("No space left on device")

    def has(self, sha256: str) -> bool:
        return False


@pytest.fixture
def keeper() -> RememberingKeeper:
    return RememberingKeeper()


@pytest.fixture
def acceptor(keeper: RememberingKeeper, tmp_path: Path) -> Acceptor:
    return make_acceptor(keeper, tmp_path)


def make_acceptor(keeper: RememberingKeeper, folder: Path, *, limit: int = 1000) -> Acceptor:
    return Acceptor(
        PROVIDERS,
        keeper,
        DirectoryBlobs(folder),
        TopicNames(),
        inline_limit_bytes=limit,
        traceparent=lambda: "00-0-0-01",
    )


async def accept(
    acceptor: Acceptor, body: bytes = BODY, capability: Capability = ANONYMOUS
) -> Answer:
    delivery = Delivery("deepinfra", body, datetime.now(UTC), capability)
    return await acceptor.accept(delivery, NOW_S)


async def test_a_published_event_has_a_receipt(acceptor: Acceptor) -> None:
    """The answer names the event and where its record lies."""
    answer = await accept(acceptor)

    assert (answer.status, answer.durability) == ("published", "kafka")
    receipt = answer.events[0]
    assert receipt.event_id == "deepinfra:R1:succeeded"
    assert (receipt.topic, receipt.partition, receipt.offset) == ("inference.succeeded", 0, 0)


async def test_a_repeat_is_answered_with_the_first_receipt(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """Same id, same bytes: published once."""
    first = await accept(acceptor)
    second = await accept(acceptor)

    assert second.status == "duplicate"
    assert first.events == second.events
    assert len(keeper.records) == 1


async def test_other_bytes_under_the_same_id_are_always_published(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """Storage decides what a conflict is; the ingress hides none."""
    await accept(acceptor)
    answer = await accept(acceptor, BODY + b" ")

    assert answer.status == "published"
    assert len(keeper.records) == 2


async def test_deliveries_in_flight_share_one_outcome(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """Nobody is answered before the one publish they share is acknowledged."""
    keeper.gate = asyncio.Event()
    running = [asyncio.create_task(accept(acceptor)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in running)

    keeper.gate.set()
    answers = await asyncio.gather(*running)

    assert sorted(a.status for a in answers) == ["duplicate", "duplicate", "published"]
    assert len(keeper.records) == 1


async def test_a_shared_failure_acknowledges_nobody(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """Where the leader fails all who waited are refused, and the next try starts anew."""
    keeper.gate = asyncio.Event()
    keeper.failure = "Kafka: away"
    running = [asyncio.create_task(accept(acceptor)) for _ in range(3)]
    await asyncio.sleep(0)
    keeper.gate.set()
    answers = await asyncio.gather(*running)
    keeper.failure = None

    assert {("refused", "not-durable")} == {(a.status, a.reason) for a in answers}
    assert (await accept(acceptor)).status == "published"


async def test_what_is_not_durable_is_refused(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """The sender is told to come again, with the reason."""
    keeper.failure = "Kafka: connection refused"

    answer = await accept(acceptor)

    assert (answer.status, answer.reason) == ("refused", "not-durable")
    assert "connection refused" in (answer.detail or "")


async def test_a_large_body_goes_to_the_blob_store_first(
    keeper: RememberingKeeper, tmp_path: Path
) -> None:
    """The record carries the reference, the blob the exact bytes."""
    acceptor = make_acceptor(keeper, tmp_path, limit=10)

    await accept(acceptor)

    event = decode_event(keeper.records[0].value or b"")
    assert event.body is None
    assert event.payload_ref is not None
    assert DirectoryBlobs(tmp_path).get(event.payload_ref.sha256) == BODY


async def test_without_the_blob_the_record_is_kept_whole(keeper: RememberingKeeper) -> None:
    """A reference to nothing would be a loss with a receipt: the claim check comes later."""
    acceptor = Acceptor(
        PROVIDERS, keeper, RefusingBlobs(), TopicNames(), inline_limit_bytes=10, traceparent=str
    )

    answer = await accept(acceptor)

    assert (answer.status, answer.durability) == ("spooled", "spool")
    assert keeper.records == []
    assert decode_event(keeper.whole[0].value or b"").body == BODY


async def test_without_blob_and_spool_the_sender_keeps_it(keeper: RememberingKeeper) -> None:
    """Both reasons are named."""
    keeper.failure = "the spool is full"
    acceptor = Acceptor(
        PROVIDERS, keeper, RefusingBlobs(), TopicNames(), inline_limit_bytes=10, traceparent=str
    )

    answer = await accept(acceptor)

    assert (answer.status, answer.reason) == ("refused", "not-durable")
    assert "No space left" in (answer.detail or "")
    assert "the spool is full" in (answer.detail or "")


class HangingBlobs(RefusingBlobs):
    """A blob store that does not answer until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        self.let_go.wait(10)
        return PayloadRef(url="file:///late", sha256=sha256, bytes=len(body))


async def test_a_blob_store_that_hangs_does_not_hold_the_sender(
    keeper: RememberingKeeper,
) -> None:
    """Senders give up: it counts as away after its deadline."""
    blobs = HangingBlobs()
    acceptor = Acceptor(
        PROVIDERS,
        keeper,
        blobs,
        TopicNames(),
        inline_limit_bytes=10,
        traceparent=str,
        blob_deadline_s=0.01,
    )

    with capture_logs() as lines:
        await accept(acceptor)
    blobs.let_go.set()

    assert [line["reason"] for line in lines] == ["no answer in 0.01 s"]


@dataclass
class WatchedProvider:
    """Parses as DeepInfra does, and remembers in which thread."""

    name: str = "deepinfra"
    threads: list[int] = field(default_factory=list)

    def parse(self, delivery: Delivery) -> list[InferenceEvent]:
        self.threads.append(threading.get_ident())
        return PROVIDERS["deepinfra"].parse(delivery)


async def test_a_large_body_is_not_read_on_the_event_loop(
    keeper: RememberingKeeper, tmp_path: Path
) -> None:
    """Others are answered meanwhile."""
    provider = WatchedProvider()
    acceptor = Acceptor(
        {"deepinfra": provider},
        keeper,
        DirectoryBlobs(tmp_path),
        TopicNames(),
        inline_limit_bytes=1000,
        traceparent=str,
    )

    await accept(acceptor)
    await accept(acceptor, BODY + b" " * 300_000)

    small, large = (thread == threading.get_ident() for thread in provider.threads)
    assert (small, large) == (True, False)


@pytest.mark.parametrize("limit", [1000, 2])
async def test_what_cannot_be_understood_is_kept(
    keeper: RememberingKeeper, tmp_path: Path, limit: int
) -> None:
    """Exact bytes, inline or by reference, with what the URL said about the job."""
    acceptor = make_acceptor(keeper, tmp_path, limit=limit)
    url = Capability("k1", "cGF5bG9hZA", model="m", labels={"a": "b"}, job="j")

    answer = await accept(acceptor, b"no json", url)

    assert (answer.status, answer.reason) == ("quarantined", "not-json")
    record = keeper.records[0]
    held = decode_quarantined(record.value or b"", record.headers)
    assert (
        held.model,
        held.labels,
        held.job,
        held.payload_text,
    ) == ("m", {"a": "b"}, "j", "cGF5bG9hZA")
    kept = held.body if held.body is not None else DirectoryBlobs(tmp_path).get(held.body_sha256)
    assert kept == b"no json"


async def test_an_authentic_url_past_its_expiry_loses_nothing(acceptor: Acceptor) -> None:
    """Its result was paid for: quarantined, not refused."""
    url = Capability("k1", "p", expires_at=int(NOW_S) - 1)

    answer = await accept(acceptor, BODY, url)

    assert (answer.status, answer.reason) == ("quarantined", "expired")


async def test_the_nonce_keeps_identical_bodies_apart(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """Two jobs without ids and with the same result are two events."""
    body = b'{"inference_status":{"status":"succeeded"}}'

    await accept(acceptor, body, Capability("k1", "nonce-one"))
    await accept(acceptor, body, Capability("k1", "nonce-two"))

    assert len({record.key for record in keeper.records}) == 2


async def test_a_quoted_credential_is_masked_in_what_is_derived(
    acceptor: Acceptor, keeper: RememberingKeeper
) -> None:
    """The record's own fields and the receipt show none; the payload is as it came."""
    secret = "a-token-of-some-length"
    body = b'{"request_id":"%(s)b","inference_status":{"status":"failed"},"error":"lost %(s)b"}' % {
        b"s": secret.encode()
    }
    delivery = Delivery("deepinfra", body, datetime.now(UTC), secrets=(secret,))

    answer = await acceptor.accept(delivery, NOW_S)

    record = keeper.records[0]
    head, _, payload = (record.value or b"").partition(b'"payload":')
    shown = head + repr((record.key, record.headers, answer.as_json())).encode()
    assert secret.encode() not in shown
    assert b"lost ***" in head
    assert payload == body + b"}"
