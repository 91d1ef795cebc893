"""The keepers: nothing is said to be durable before it is, on Kafka or on disk."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bus.errors import PublishTimeoutError, RecordRefusedError
from bus.records import Record
from bus.runtime.settings_sections import IngestSettings
from ingest.blobs import PUT_DEADLINE_S
from ingest.keeping import Kept, NotDurableError
from ingest.spool import keeper
from ingest.spool.circuit import Circuit
from ingest.spool.first_send import FirstSends
from ingest.spool.journal import APPEND_TIMEOUT_S
from ingest.spool.keeper import AlwaysKeeper, FallbackKeeper, Journaling, RelayKeeper
from ingest.spool.pace import Traffic
from ingest.spool.releases import ByAcknowledgement, BySettlement, Releases
from ingest.spool.spool import Ref
from tests.support.spooling import MemorySpool, ToldPublisher, record, settle

# As good as none: the deadline of a delivery that is not to be waited for.
SOON_S = 0.0
FAR_S = 60.0


def put_aside() -> float:
    """Return how many records Kafka was not asked to take, as the metrics tell."""
    labels = {"reason": "away"}
    return REGISTRY.get_sample_value("inferbus_publish_errors_total", labels) or 0.0


class ToldRelay:
    """Remembers what it was handed; takes nothing while `why` is set."""

    def __init__(self) -> None:
        self.is_there = True
        self.handed: dict[int, Record] = {}

    def may_publish(self) -> bool:
        return self.is_there

    def publish(self, entry_id: int, record: Record) -> None:
        self.handed[entry_id] = record


class Bench:
    """A keeper's collaborators, with a drainer that only remembers what it was given."""

    def __init__(
        self, deadline_s: float = SOON_S, releases: Callable[..., Releases] | None = None
    ) -> None:
        self.spool: Any = MemorySpool()
        self.publisher: Any = ToldPublisher()
        self.circuit = Circuit(self.publisher.healthy)
        self.releases = (releases or ByAcknowledgement)(self.spool.release)
        self.drained: list[Ref] = []
        sends = FirstSends(self.publisher, self.circuit, deadline_s)
        self.journaling = Journaling(self.spool, sends, self, self.releases, Traffic())  # type: ignore[arg-type] # only what a keeper uses of a drainer
        self.fallback = FallbackKeeper(self.journaling)
        self.always = AlwaysKeeper(self.journaling, waits=True)
        self.at_once = AlwaysKeeper(self.journaling, waits=False)
        self.relay: Any = ToldRelay()
        self.relayed = RelayKeeper(self.journaling, self.relay)

    def add(self, refs: list[Ref]) -> None:
        self.drained += refs


async def keep(keeper: Any, number: int = 1) -> Kept:
    kept: Kept = await keeper.keep(record(number), f"e{number}", "sha")
    return kept


async def test_what_kafka_acknowledges_is_not_spooled() -> None:
    bench = Bench(FAR_S)
    bench.publisher.answers = None

    kept = await keep(bench.fallback)

    assert (kept.by, kept.position is not None) == ("kafka", True)
    assert bench.spool.appended == 0


async def test_what_kafka_does_not_acknowledge_in_time_is_spooled() -> None:
    bench = Bench()

    assert await keep(bench.fallback) == Kept("spool", None)
    assert len(bench.spool.entries) == 1


async def test_a_late_acknowledgement_only_releases_the_entry() -> None:
    """It is not published a second time."""
    bench = Bench()
    await keep(bench.fallback)

    bench.publisher.answer()
    await settle()

    assert bench.spool.released == [Ref(1)]
    assert bench.drained == []


async def test_a_late_failure_leaves_the_entry_to_the_drainer() -> None:
    """Not before: a send that is not resolved may still arrive."""
    bench = Bench()
    await keep(bench.fallback)
    await settle()
    assert bench.drained == []

    bench.publisher.answer(PublishTimeoutError("no answer"))
    await settle()

    assert bench.drained == [Ref(1)]
    assert bench.spool.released == []


async def test_a_failed_send_is_spooled_and_drained() -> None:
    bench = Bench(FAR_S)
    bench.publisher.answers = PublishTimeoutError("no answer")

    assert await keep(bench.fallback) == Kept("spool", None)
    await settle()

    assert bench.drained == [Ref(1)]


async def test_what_kafka_refuses_for_good_is_set_aside() -> None:
    """The sender cannot do better; whoever runs this can, and nothing is lost till then."""
    bench = Bench(FAR_S)
    bench.publisher.answers = RecordRefusedError("too large")

    assert await keep(bench.fallback) == Kept("spool", None)
    await settle()

    assert bench.spool.refusals == {Ref(1): "too large"}
    assert bench.drained == []


@pytest.mark.parametrize("name", ["fallback", "always", "at_once", "relayed"])
async def test_without_disk_and_kafka_nothing_is_durable(name: str) -> None:
    bench = Bench()
    bench.spool.failure = "No space left on device"

    with pytest.raises(NotDurableError, match="No space left"):
        await keep(getattr(bench, name))


@pytest.mark.parametrize("name", ["always", "at_once", "relayed"])
async def test_with_the_spool_first_a_failing_disk_refuses_also_beside_kafka(name: str) -> None:
    """And nothing is sent that the sender is told to send again."""
    bench = Bench(FAR_S)
    bench.publisher.answers = None
    bench.spool.failure = "No space left on device"

    with pytest.raises(NotDurableError):
        await keep(getattr(bench, name))
    assert bench.publisher.sent == []
    assert bench.relay.handed == {}


async def test_a_failing_disk_leaves_kafka() -> None:
    """With the circuit open too: the delivery is its probe."""
    bench = Bench(FAR_S)
    bench.publisher.answers = None
    bench.publisher.why = "away a moment ago"
    bench.spool.failure = "No space left on device"

    assert (await keep(bench.fallback)).by == "kafka"


async def test_with_neither_disk_nor_kafka_only_some_ask_kafka() -> None:
    """The others are refused at once; when one has got through, all go there again."""
    bench = Bench(FAR_S)
    bench.publisher.why = "away"
    bench.spool.failure = "Read-only file system"
    probes = [asyncio.create_task(keep(bench.fallback, n)) for n in range(keeper.MAX_PROBES)]
    await settle()

    with pytest.raises(NotDurableError, match="Read-only"):
        await keep(bench.fallback, 100)

    assert len(bench.publisher.sent) == keeper.MAX_PROBES
    bench.publisher.answer()
    assert {(await probe).by for probe in probes} == {"kafka"}
    bench.publisher.answers = None
    assert (await keep(bench.fallback, 101)).by == "kafka"


def test_all_deadlines_together_are_shorter_than_a_sender_waits() -> None:
    """Blob store, Kafka and disk may all hang, one after the other."""
    deadlines = (PUT_DEADLINE_S, IngestSettings().publish_deadline_s, APPEND_TIMEOUT_S)

    assert sum(deadlines) < 10


async def test_after_some_in_vain_deliveries_go_to_the_spool_at_once() -> None:
    """Each would wait for its whole deadline otherwise."""
    bench = Bench()
    for number in range(1, 9):
        assert (await keep(bench.fallback, number)).by == "spool"

    assert len(bench.publisher.sent) == 5
    assert bench.drained == [Ref(6), Ref(7), Ref(8)]


@pytest.mark.parametrize("name", ["fallback", "always", "at_once"])
async def test_while_kafka_is_known_to_be_away_nothing_is_sent(name: str) -> None:
    """Also where it was never there; operators see it in the metrics as errors."""
    bench = Bench(FAR_S)
    bench.publisher.why = "connection refused"
    before = put_aside()

    assert (await keep(getattr(bench, name))).by == "spool"
    assert bench.publisher.sent == []
    assert bench.drained == [Ref(1)]
    assert put_aside() == before + 1


async def test_an_acknowledgement_in_time_closes_the_circuit() -> None:
    bench = Bench()
    for number in range(1, 7):
        await keep(bench.fallback, number)
    assert bench.circuit.reason() is not None

    bench.circuit.acknowledged()

    assert bench.circuit.reason() is None


async def test_a_late_acknowledgement_leaves_the_circuit_open() -> None:
    """Kafka is slower than the deadline: the next delivery would wait in vain as well."""
    bench = Bench()
    for number in range(1, 6):
        await keep(bench.fallback, number)
    bench.publisher.answer()
    await settle()

    assert bench.circuit.reason() is not None


async def test_with_the_spool_first_the_entry_is_on_disk_before_it_is_sent() -> None:
    bench = Bench(FAR_S)
    running = asyncio.create_task(keep(bench.always))
    await settle()
    assert len(bench.spool.entries) == 1
    assert not running.done()

    bench.publisher.answer()

    kept = await running
    assert (kept.by, kept.position is not None) == ("spool", True)
    await settle()
    assert bench.spool.released == [Ref(1)]


async def test_answering_from_the_spool_waits_for_nobody() -> None:
    bench = Bench(FAR_S)

    assert await keep(bench.at_once) == Kept("spool", None)
    await settle()
    assert len(bench.publisher.sent) == 1


async def test_a_relay_is_handed_what_is_on_disk() -> None:
    """Its acknowledgement releases; nothing is published here."""
    bench = Bench(FAR_S)

    assert await keep(bench.relayed) == Kept("spool", None)

    assert list(bench.spool.entries) == [Ref(1)]
    assert bench.relay.handed == {1: record(1)}
    assert (bench.publisher.sent, bench.spool.released) == ([], [])
    bench.journaling.relayed([1])
    assert bench.spool.released == [Ref(1)]
    assert bench.drained == []


async def test_what_a_relay_gives_back_is_drained_and_what_it_says_is_refused_set_aside() -> None:
    bench = Bench(FAR_S)
    for number in (1, 2, 3):
        await keep(bench.relayed, number)

    bench.journaling.not_relayed([1, 3])
    bench.journaling.relay_refused(2, "too large")

    assert bench.drained == [Ref(1), Ref(3)]
    assert bench.spool.refusals == {Ref(2): "too large"}
    assert bench.spool.released == []


async def test_what_a_relay_does_not_take_is_left_to_the_drainer() -> None:
    bench = Bench(FAR_S)
    bench.relay.is_there = False

    assert await keep(bench.relayed) == Kept("spool", None)

    assert (bench.relay.handed, bench.drained) == ({}, [Ref(1)])


async def test_a_broker_that_forgets_releases_nothing_by_its_acknowledgement() -> None:
    bench = Bench(FAR_S, lambda release: BySettlement(release, lambda _: {"storage", "alerting"}))
    bench.publisher.answers = None

    await keep(bench.always)
    await settle()

    assert bench.spool.released == []
    assert isinstance(bench.releases, BySettlement)
    bench.releases.settled("storage", [record(1).fingerprint])
    assert bench.spool.released == []
    bench.releases.settled("alerting", [record(1).fingerprint])
    assert bench.spool.released == [Ref(1)]


async def test_a_broker_that_forgets_is_given_no_more_than_it_can_hold() -> None:
    """The rest waits in the spool until the consumers are nearer."""
    bench = Bench(FAR_S, lambda release: BySettlement(release, lambda _: {"storage"}, 1))
    bench.publisher.answers = None

    await keep(bench.always, 1)
    await keep(bench.always, 2)

    assert len(bench.publisher.sent) == 1
    assert bench.drained == [Ref(2)]


@pytest.mark.parametrize("name", ["fallback", "always", "relayed"])
async def test_a_whole_body_is_left_to_the_drainer(name: str) -> None:
    bench = Bench(FAR_S)

    kept = await getattr(bench, name).keep_whole(record(), "e", "sha")

    assert kept == Kept("spool", None)
    assert bench.spool.entries[Ref(1)].is_whole
    assert (bench.publisher.sent, bench.relay.handed, bench.drained) == ([], {}, [Ref(1)])
