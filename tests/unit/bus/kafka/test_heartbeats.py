"""A poll of the client waits, also while the broker owes it the answer to a heartbeat."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.util import Timer

from bus.kafka.heartbeats import wait_between_heartbeats


class FakeFetcher:
    """Has no records, and notes how long it might have waited for them."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []

    def reset_offsets_if_needed(self) -> None: ...

    def maybe_validate_positions(self) -> None: ...

    def validate_offsets_if_needed(self) -> None: ...

    def fetch_records(
        self, *_: object, timeout_ms: float, **__: object
    ) -> tuple[dict[Any, Any], bool]:
        self.waits_ms.append(timeout_ms)
        return {}, False


class OneRound(KafkaConsumer):  # type: ignore[misc] # the client has no types
    """The client's consumer, as far as one round of its poll goes."""

    def __init__(self, next_heartbeat_s: float) -> None:
        self.config = {"group_id": "g", "retry_backoff_ms": 100}
        self._fetcher = FakeFetcher()
        self._coordinator = SimpleNamespace(
            poll=lambda **_: True, time_to_next_poll=lambda: next_heartbeat_s
        )

    def __del__(self) -> None: ...

    def _refresh_committed_offsets(self, timeout_ms: float) -> None: ...

    def waits_ms(self) -> float:
        """Return for how long one round of a poll of a second waits at most."""
        self._poll_once(Timer(1000), 500)
        return self._fetcher.waits_ms[-1]


def test_the_client_does_not_wait_while_a_heartbeat_is_overdue() -> None:
    """Why we step in; where this fails, the client has been mended."""
    assert OneRound(0.0).waits_ms() == 0


@pytest.mark.parametrize(("next_heartbeat_s", "waits_ms"), [(0.0, 100), (0.02, 100), (0.5, 500)])
def test_a_poll_waits_a_tenth_of_a_second_at_least(
    next_heartbeat_s: float, waits_ms: float
) -> None:
    consumer = OneRound(next_heartbeat_s)
    wait_between_heartbeats(consumer)
    assert consumer.waits_ms() == waits_ms


def test_a_poll_waits_no_longer_than_it_was_asked_to() -> None:
    consumer = OneRound(3.0)
    wait_between_heartbeats(consumer)
    assert consumer.waits_ms() == pytest.approx(1000, rel=0.1)
