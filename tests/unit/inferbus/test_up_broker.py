"""The embedded broker is replaced when it dies or grows; consumers never see two in one life."""

import asyncio
from collections.abc import Callable

import pytest

from bus.deadletter import park_record
from bus.errors import BusUnavailableError
from bus.records import Position, ReceivedRecord, Record
from inferbus import up_broker
from inferbus.up_broker import BrokerCare
from inferbus.up_settled import Settlements
from ingest.spool.spool import Ref
from schemas.clock import parse_rfc3339
from schemas.topics import TopicNames


class Scene:
    """A broker and a consumer that write down in which order they are told what."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.dead: str | None = None
        self.memory: int | None = 1
        self.renewals_fail = 0
        self.busy = 0

    def alive(self) -> str | None:
        return self.dead

    def memory_bytes(self) -> int | None:
        return self.memory

    async def renew(self) -> None:
        self.said.append("renew")
        if self.renewals_fail:
            self.renewals_fail -= 1
            raise BusUnavailableError("the port is taken")
        self.dead, self.memory = None, 1

    async def leave(self) -> bool:
        self.said.append("leave")
        self.busy -= 1
        return self.busy < 0

    def rejoin(self) -> None:
        self.said.append("rejoin")

    async def restore(self) -> None:
        self.said.append("restore")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(up_broker, "_EVERY_S", 0.0)
    monkeypatch.setattr(up_broker, "_TRY_AGAIN_S", 0.0)
    return Scene()


async def cared_for(scene: Scene, until: Callable[[BrokerCare], bool]) -> list[str]:
    failed: list[str] = []
    care = BrokerCare(scene, lambda: [scene], scene.restore, failed.append, memory_limit_bytes=100)
    await care.start()
    async with asyncio.timeout(10):
        while not (until(care) or failed):  # noqa: ASYNC110 - a figure is waited for
            await asyncio.sleep(0)
    await care.stop()
    return failed


async def test_a_dead_broker_is_replaced_between_leaving_and_joining(scene: Scene) -> None:
    """Else a consumer would go on at an offset that the new broker has given to others."""
    scene.dead = "ended with status -9"

    assert await cared_for(scene, lambda care: care.replaced == 1) == []

    assert scene.said == ["leave", "renew", "restore", "rejoin"]


async def test_a_broker_that_has_grown_is_replaced(scene: Scene) -> None:
    scene.memory = 101

    await cared_for(scene, lambda care: care.replaced == 1)

    assert scene.said == ["leave", "renew", "restore", "rejoin"]


async def test_a_system_that_tells_no_memory_has_it_replaced_only_when_dead(scene: Scene) -> None:
    scene.memory = None
    looks = 0

    def looked_often(_care: BrokerCare) -> bool:
        nonlocal looks
        looks += 1
        return looks > 50

    await cared_for(scene, looked_often)

    assert scene.said == []


async def test_a_busy_consumer_is_waited_for(scene: Scene) -> None:
    scene.dead, scene.busy = "ended", 2

    await cared_for(scene, lambda care: care.replaced == 1)

    assert scene.said == ["leave", "leave", "leave", "renew", "restore", "rejoin"]


async def test_a_broker_that_does_not_start_is_tried_again(scene: Scene) -> None:
    scene.dead, scene.renewals_fail = "ended", 2

    assert await cared_for(scene, lambda care: care.replaced == 1) == []

    assert scene.said.count("renew") == 3


async def test_a_broker_that_never_starts_ends_the_process(scene: Scene) -> None:
    """What is spooled is there at the next start."""
    scene.dead, scene.renewals_fail = "ended", 99

    assert await cared_for(scene, lambda care: care.replaced == 1) == ["the port is taken"]


TOPICS = TopicNames()


def received(record: Record) -> ReceivedRecord:
    return ReceivedRecord(
        record.topic,
        record.key,
        record.value,
        record.headers,
        position=Position(record.topic, 0, 0),
    )


def event(outcome: str) -> Record:
    return Record(f"inference.{outcome}", b"R1", b"{}", (("ce_id", b"deepinfra:R1:x"),))


async def settled_by(record: Record, *told: tuple[str, ReceivedRecord]) -> list[Ref]:
    released: list[Ref] = []
    settlements = Settlements(TOPICS)
    settlements.make_releases(released.append).sending(Ref(1), record)
    for consumer, what in told:
        await asyncio.to_thread(settlements.handled, consumer, [what])
    await asyncio.sleep(0)
    return released


async def test_both_consumers_release() -> None:
    record = event("failed")
    at = received(record)

    assert await settled_by(record, ("storage", at)) == []
    assert await settled_by(record, ("alerting", at)) == []
    assert await settled_by(record, ("storage", at), ("alerting", at)) == [Ref(1)]


async def test_what_alerting_does_not_read_storage_releases_alone() -> None:
    record = event("progress")

    assert await settled_by(record, ("storage", received(record))) == [Ref(1)]


async def test_other_bytes_under_the_same_id_release_nothing() -> None:
    record = event("progress")
    other = Record(record.topic, record.key, b"{ }", record.headers)

    assert await settled_by(record, ("storage", received(other))) == []


@pytest.mark.parametrize("parked_by", ["storage", "alerting"])
async def test_what_a_consumer_has_parked_is_settled_once_its_dead_letter_is_stored(
    parked_by: str,
) -> None:
    """Until then only the broker's memory holds it."""
    record = event("failed")
    at = received(record)
    now = parse_rfc3339("2026-03-01T12:00:00Z")
    dead = received(park_record(at, parked_by, "bad", "", now, TOPICS.of("deadletter")))
    other = {"storage": "alerting", "alerting": "storage"}[parked_by]

    assert await settled_by(record, (other, at)) == []
    assert await settled_by(record, (other, at), ("alerting", dead)) == []
    assert await settled_by(record, (other, at), ("storage", dead)) == [Ref(1)]
