"""The admin client at a cluster that has only just begun."""

from collections.abc import Callable
from typing import Any

import pytest
from kafka import errors

from bus.errors import BusUnavailableError
from bus.kafka import admin
from bus.kafka.admin import KafkaAdmin
from bus.kafka.settling import PATIENCE_S, Settling
from bus.protocols import TopicConfig


class Cluster:
    """An admin client that fails as often as it is told; its time passes only by sleeping."""

    def __init__(self) -> None:
        self.fails: list[Exception] = []
        self.calls: list[str] = []
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def list_group_offsets(self, group: str) -> dict[str, Any]:
        self._answer("offsets")
        return {group: {}}

    def describe_cluster(self) -> dict[str, Any]:
        self._answer("cluster")
        return {"brokers": [1]}

    def describe_topics(self, names: list[str]) -> list[Any]:
        return []

    def create_topics(self, wanted: dict[str, Any], *, wait_for_metadata: bool) -> None:
        self._answer("create")

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.fails:
            raise self.fails.pop(0)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(admin, "open_client", lambda *_: cluster)
    return cluster


def client(cluster: Cluster) -> KafkaAdmin:
    return KafkaAdmin({}, Settling(clock=lambda: cluster.now, sleep=cluster.sleep))


ASK: dict[str, Callable[[KafkaAdmin], object]] = {
    "offsets": lambda it: it.committed("g"),
    "cluster": lambda it: it.brokers(),
    "create": lambda it: it.create_topics([TopicConfig("t", 1)]),
}
PASSING = [
    errors.CoordinatorNotAvailableError(),
    errors.CoordinatorLoadInProgressError(),
    errors.NotCoordinatorError(),
    errors.NotControllerError(),
    RuntimeError("Failed to find active controller id!"),
]


@pytest.mark.parametrize("call", ASK)
@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_by_itself_is_waited_out(cluster: Cluster, call: str, error: Exception) -> None:
    cluster.fails = [error] * 3

    ASK[call](client(cluster))

    assert cluster.calls == [call] * 4
    assert cluster.now > 0


@pytest.mark.parametrize("call", ASK)
@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_does_not_pass_is_told_after_some_seconds(
    cluster: Cluster, call: str, error: Exception
) -> None:
    """In one line, not with a traceback."""
    cluster.fails = [error] * 1000

    with pytest.raises(BusUnavailableError):
        ASK[call](client(cluster))

    assert PATIENCE_S / 2 < cluster.now <= PATIENCE_S


@pytest.mark.parametrize("call", ASK)
def test_other_failures_are_told_at_once(cluster: Cluster, call: str) -> None:
    cluster.fails = [errors.KafkaConnectionError("refused")]

    with pytest.raises(BusUnavailableError, match="refused"):
        ASK[call](client(cluster))

    assert (cluster.calls, cluster.now) == ([call], 0.0)


def test_a_fault_of_ours_is_not_hidden(cluster: Cluster) -> None:
    cluster.fails = [RuntimeError("dictionary changed size during iteration")]

    with pytest.raises(RuntimeError, match="dictionary"):
        client(cluster).brokers()
