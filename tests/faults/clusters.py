"""One Kafka cluster at a time, one system on it: kept while the next test asks for the same."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from tests.faults.system import System
from tests.support.kafka import ClusterOptions, KafkaCluster


class Clusters:
    """Gives clusters and systems; from the main thread only."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._asked: tuple[int, ClusterOptions] | None = None
        self._cluster: KafkaCluster | None = None
        self._held: tuple[str, System, ExitStack] | None = None

    def give(
        self,
        nodes: int,
        options: ClusterOptions,
        made: Callable[[KafkaCluster], None] = lambda _cluster: None,
    ) -> KafkaCluster:
        """Return a cluster like that, all of whose nodes serve; a new one is shown to `made`."""
        if self._cluster is None or self._asked != (nodes, options):
            self.close()
            cluster = KafkaCluster(nodes, options)
            made(cluster)
            self._cluster = self._undo.enter_context(cluster)
            self._asked = (nodes, options)
        mend(self._cluster)
        return self._cluster

    def hold(self, name: str, make: Callable[[], AbstractContextManager[System]]) -> System:
        """Return the system of that name on the present cluster, made where another one runs."""
        if self._held is None or self._held[0] != name:
            self.release()
            undo = ExitStack()
            self._held = (name, undo.enter_context(make()), undo)
        self._held[1].ensure_running()
        return self._held[1]

    def release(self) -> None:
        """End the system that runs."""
        held, self._held = self._held, None
        if held is not None:
            held[2].close()

    def close(self) -> None:
        """End the system and the cluster that run."""
        self.release()
        self._undo.close()
        self._cluster = self._asked = None


def mend(cluster: KafkaCluster) -> None:
    """Thaw and restart what a failed test has left broken."""
    for node in cluster.nodes.values():
        node.thaw()
    ended = [node.id for node in cluster.nodes.values() if not node.is_running]
    if ended:
        cluster.restart(*ended)
