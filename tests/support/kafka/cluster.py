"""A real Kafka cluster for the length of a with block."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .access import Access, standard_scram_logins
from .certificates import Certificates, write_certificates
from .disk import small_disk
from .distribution import SERVER, Distribution
from .faults import Faults
from .node import Node
from .options import ClusterOptions, Listener, Login
from .ports import ReservedPorts
from .prepare import ensure_distribution
from .properties import NodePorts, node_settings, option_settings, render
from .security import client_settings, security_settings
from .template import copy_template, new_id
from .waiting import wait_until

_START_TIMEOUT_S = 120.0
_PLAIN = ClusterOptions()


class KafkaCluster(Faults, Access):
    """
    Kafka nodes on 127.0.0.1, with empty data folders, gone after the with block.

    Enter it from the main thread: then the nodes end with the test run even if
    that is killed. Raises KafkaUnavailableError when this machine cannot (ask
    `why_unavailable` first), KafkaStartError when Kafka does not come up.
    """

    def __init__(self, nodes: int = 1, options: ClusterOptions = _PLAIN) -> None:
        self.options = options
        self.cluster_id = new_id()
        self._ids = range(1, nodes + 1)
        self._listeners = tuple(dict.fromkeys((Listener.PLAINTEXT, *options.listeners)))
        self._nodes: dict[int, Node] = {}
        self._ports: dict[int, NodePorts] = {}
        self._undo = ExitStack()
        self._folder = Path()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            distribution = ensure_distribution()
            self._take_resources(undo)
            undo.callback(self._end_nodes)
            self._start(distribution, undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    @property
    def nodes(self) -> Mapping[int, Node]:
        """The nodes by id, counted from 1."""
        return self._nodes

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of the PLAINTEXT listener, separated by commas."""
        return self.servers(Listener.PLAINTEXT)

    def servers(self, listener: Listener) -> str:
        """Return the addresses of a listener, separated by commas."""
        return ",".join(ports.address(listener) for ports in self._ports.values())

    def client_settings(
        self, listener: Listener = Listener.PLAINTEXT, login: Login | None = None
    ) -> dict[str, Any]:
        """Return keyword arguments that connect a kafka-python client by `listener`."""
        settings = client_settings(listener, login, self.certificates)
        return {"bootstrap_servers": self.servers(listener), **settings}

    @cached_property
    def certificates(self) -> Certificates:
        """Files that belong to the TLS listeners."""
        return write_certificates(self._folder)

    def admin_servers(self) -> list[str]:
        """Return the PLAINTEXT addresses of the nodes that can answer."""
        able = [n.id for n in self._nodes.values() if n.is_running and not n.is_frozen]
        return [self._ports[node].address(Listener.PLAINTEXT) for node in able]

    def wait_for_nodes(self, *node_ids: int) -> None:
        """Return when these nodes serve clients, all of them if none is named."""
        from kafka.errors import KafkaError

        wanted = set(node_ids or self._ids)

        def serve() -> bool:
            try:
                return wanted <= self._serving()
            except KafkaError:  # no quorum yet
                return False

        wait_until(serve, f"nodes {sorted(wanted)} to serve", timeout_s=_START_TIMEOUT_S)

    def _serving(self) -> set[int]:
        with self.admin() as admin:
            brokers = admin.describe_cluster()["brokers"]
        return {broker["broker_id"] for broker in brokers if not broker.get("is_fenced")}

    def _take_resources(self, undo: ExitStack) -> None:
        folder = tempfile.TemporaryDirectory(prefix="inferbus-kafka-", ignore_cleanup_errors=True)
        self._folder = Path(undo.enter_context(folder))
        reserved = undo.enter_context(ReservedPorts())
        closed = reserved.reserve()
        for node in self._ids:
            listeners = {listener: reserved.reserve() for listener in self._listeners}
            self._ports[node] = NodePorts(reserved.reserve(), listeners, closed)

    def _start(self, distribution: Distribution, undo: ExitStack) -> None:
        for node in self._ids:
            self._nodes[node] = self._make_node(node, distribution, undo)
            self._nodes[node].start()
        for started in self._nodes.values():
            started.wait_started(_START_TIMEOUT_S)
        self.wait_for_nodes()
        if any(listener.uses_sasl for listener in self._listeners):
            self.add_scram_users(standard_scram_logins())

    def _make_node(self, node: int, distribution: Distribution, undo: ExitStack) -> Node:
        folder = self._folder / f"node-{node}"
        disk, config = folder / "disk", folder / "server.properties"
        disk.mkdir(parents=True)
        if self.options.disk_mb is not None:
            undo.enter_context(small_disk(disk, self.options.disk_mb))
        copy_template(distribution, disk / "data", node, self.cluster_id)
        settings = node_settings(node, self._ports, disk / "data")
        if set(self._listeners) != {Listener.PLAINTEXT} or self.options.acls:
            settings |= security_settings(self.options, self.certificates)
        config.write_text(render(settings | option_settings(self.options)))
        command = distribution.command(SERVER, str(config), is_light=self.options.is_light)
        return Node(node, command, folder)

    def _end_nodes(self) -> None:
        for node in self._nodes.values():
            node.thaw()  # a frozen process takes no SIGTERM
        for node in self._nodes.values():
            node.kill()  # in order it takes a second, and what it holds goes away with it
