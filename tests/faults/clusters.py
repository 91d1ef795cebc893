"""One Kafka cluster at a time: kept while the next test asks for the same, else replaced."""

from collections.abc import Callable
from contextlib import ExitStack

from tests.support.kafka import ClusterOptions, KafkaCluster


class Clusters:
    """Gives clusters; from the main thread only."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._asked: tuple[int, ClusterOptions] | None = None
        self._cluster: KafkaCluster | None = None

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

    def close(self) -> None:
        """End the one that runs."""
        self._undo.close()
        self._cluster = self._asked = None


def mend(cluster: KafkaCluster) -> None:
    """Thaw and restart what a failed test has left broken."""
    for node in cluster.nodes.values():
        node.thaw()
    ended = [node.id for node in cluster.nodes.values() if not node.is_running]
    if ended:
        cluster.restart(*ended)
