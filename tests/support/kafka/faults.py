"""What can happen to a node, as verbs."""

from collections.abc import Mapping
from typing import Protocol

from . import disk
from .node import Node

_START_TIMEOUT_S = 120.0


class Faulty(Protocol):
    """What the verbs need of a cluster."""

    @property
    def nodes(self) -> Mapping[int, Node]:
        """The nodes by id."""

    def wait_for_nodes(self, *node_ids: int) -> None:
        """Return when these nodes serve clients."""


class Faults:
    """
    Verbs on nodes, named by id (1, 2, 3).

    From other threads than the main one all of them work too, but a node
    restarted there outlives a test run that is killed.
    """

    def stop(self: Faulty, node: int) -> None:
        """End the node in order (SIGTERM): it hands its partitions over first."""
        self.nodes[node].stop()

    def kill(self: Faulty, node: int) -> None:
        """End the node at once (SIGKILL): the others notice after the session timeout."""
        self.nodes[node].kill()

    def freeze(self: Faulty, node: int) -> None:
        """Stop the node's time (SIGSTOP): connections hang, new ones are still taken."""
        self.nodes[node].freeze()

    def thaw(self: Faulty, node: int) -> None:
        """Let a frozen node go on (SIGCONT)."""
        self.nodes[node].thaw()

    def restart(self: Faulty, *nodes: int) -> None:
        """
        Start nodes again, with their data and ports; return when they serve clients.

        Name all at once when a quorum is down: none comes up without another.
        A node still running is stopped first.
        """
        for node in nodes:
            if self.nodes[node].is_running:
                self.nodes[node].stop()
            self.nodes[node].start()
        for node in nodes:
            self.nodes[node].wait_started(_START_TIMEOUT_S)
        self.wait_for_nodes(*nodes)

    def fill_disk(self: Faulty, node: int = 1) -> None:
        """Leave the node no byte of disk; needs ``ClusterOptions(disk_mb=…)``."""
        disk.fill(self.nodes[node].folder / "disk")

    def free_disk(self: Faulty, node: int = 1) -> None:
        """Undo `fill_disk`. Kafka gave the disk up and ended, so `restart` follows."""
        disk.free(self.nodes[node].folder / "disk")
