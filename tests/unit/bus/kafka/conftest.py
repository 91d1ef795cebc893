"""Time, and both publishers on what stands for Kafka."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from bus.kafka.direct.publisher import DirectPublisher
from bus.kafka.outbox import OutboxLimits
from bus.kafka.publisher import KafkaPublisher
from bus.protocols import Publisher
from tests.support.clock import Clock
from tests.support.publishing import DELIVERY_TIMEOUT_S, FakeProducer
from tests.unit.bus.kafka.direct.fakes import LiveWire

BATCH_BYTES = 131_072

_Publisher = TypeVar("_Publisher", bound=Publisher)
Connect = Callable[[], Any]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def producers() -> list[FakeProducer]:
    """What connecting gives the client's publisher, one after the other."""
    return [FakeProducer(), FakeProducer()]


@pytest.fixture
def wires() -> list[LiveWire]:
    """What connecting gives the direct publisher, one after the other."""
    return [LiveWire(), LiveWire()]


@pytest.fixture
def make_client(
    clock: Clock, producers: list[FakeProducer], request: pytest.FixtureRequest
) -> Callable[..., KafkaPublisher]:
    """Make publishers on kafka-python's producer."""

    def new(connect: Connect, limits: OutboxLimits | None) -> KafkaPublisher:
        return KafkaPublisher(connect, DELIVERY_TIMEOUT_S, limits, clock)

    return _closing(new, producers, request)


@pytest.fixture
def make_direct(
    clock: Clock, wires: list[LiveWire], request: pytest.FixtureRequest
) -> Callable[..., DirectPublisher]:
    """Make publishers on wires of our own."""

    def new(connect: Connect, limits: OutboxLimits | None) -> DirectPublisher:
        return DirectPublisher(connect, DELIVERY_TIMEOUT_S, BATCH_BYTES, limits, clock)

    return _closing(new, wires, request)


def _closing(
    new: Callable[[Connect, OutboxLimits | None], _Publisher],
    ways: Sequence[Any],
    request: pytest.FixtureRequest,
) -> Callable[..., _Publisher]:
    """Have what is made connect to `ways`, unless the test says how, and closed at the end."""
    coming = iter(ways)

    def make(limits: OutboxLimits | None = None, connect: Connect | None = None) -> _Publisher:
        publisher = new(connect or (lambda: next(coming)), limits)
        request.addfinalizer(lambda: publisher.close(0))
        return publisher

    return make
