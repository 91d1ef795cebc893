"""The publisher that leaves a broker before it is replaced."""

import pytest

from bus.errors import BusClosedError, PublishTimeoutError
from bus.memory import MemoryBus
from bus.memory.publisher import MemoryPublisher
from bus.records import Record
from inferbus.up_publisher import RenewablePublisher

RECORD = Record("t", b"k", b"v")


class Scene:
    """Counts the publishers that were made; each has a broker of its own."""

    def __init__(self) -> None:
        self.made: list[MemoryPublisher] = []
        self.publisher = RenewablePublisher(self.make)

    def make(self) -> MemoryPublisher:
        self.made.append(MemoryBus(["t"]).publisher("test"))
        return self.made[-1]


async def test_it_publishes_to_the_broker_that_is_there() -> None:
    scene = Scene()
    assert (await scene.publisher.publish(RECORD)).offset == 0
    assert scene.publisher.submit(RECORD).result(0).offset == 1

    assert await scene.publisher.leave()
    scene.publisher.rejoin()

    assert (await scene.publisher.publish(RECORD)).offset == 0
    assert scene.publisher.healthy() is None
    assert len(scene.made) == 2


async def test_nothing_is_sent_between_leaving_and_coming_back() -> None:
    """It says so, so that deliveries go to the spool at once."""
    scene = Scene()
    await scene.publisher.leave()

    with pytest.raises(PublishTimeoutError, match="being replaced"):
        await scene.publisher.publish(RECORD)
    assert isinstance(scene.publisher.submit(RECORD).exception(0), PublishTimeoutError)
    assert "being replaced" in (scene.publisher.healthy() or "")
    assert scene.publisher.unanswered_s() == 0.0
    with pytest.raises(BusClosedError):
        await scene.made[0].publish(RECORD)
    assert len(scene.made) == 1


async def test_it_can_be_closed_at_any_time() -> None:
    scene = Scene()
    await scene.publisher.leave()
    scene.publisher.close()
    scene.publisher.rejoin()
    scene.publisher.close()

    with pytest.raises(BusClosedError):
        await scene.publisher.publish(RECORD)
