"""The settings of one node, as a server.properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .options import ClusterOptions, Listener

_HOST = "127.0.0.1"
_LARGEST_GROUP = 3  # more replicas than this no test needs


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The ports of one node, and one that stays closed."""

    controller: int
    listeners: Mapping[Listener, int]
    closed: int

    def address(self, listener: Listener) -> str:
        """Return host:port a client starts from."""
        return f"{_HOST}:{self.listeners[listener]}"

    def advertised(self, listener: Listener) -> str:
        """Return host:port the node tells its clients to use."""
        if listener is Listener.CLOSED_PORT:
            return f"{_HOST}:{self.closed}"
        if listener is Listener.UNRESOLVABLE:
            return "kafka.invalid:9092"  # RFC 2606: never resolves
        return self.address(listener)


def node_settings(node_id: int, ports: Mapping[int, NodePorts], data: Path) -> dict[str, str]:
    """Return a plain node's settings, one of as many nodes as `ports` holds."""
    return {
        "process.roles": "broker,controller",
        "node.id": str(node_id),
        "log.dirs": str(data),
        # The older way to name the quorum: it keeps ports out of the data folder,
        # so that a folder formatted once serves any cluster.
        "controller.quorum.voters": ",".join(
            f"{node}@{_HOST}:{of.controller}" for node, of in ports.items()
        ),
        **_listeners(ports[node_id]),
        **_replication(min(len(ports), _LARGEST_GROUP)),
        **_QUICK,
    }


def option_settings(options: ClusterOptions) -> dict[str, str]:
    """Return what the options change, secure listeners aside."""
    settings = {
        "broker.session.timeout.ms": str(options.session_timeout_ms),
        "broker.heartbeat.interval.ms": str(min(2000, options.session_timeout_ms // 5)),
    }
    if options.is_light:
        settings |= _LIGHT
    return settings | dict(options.settings)


def render(settings: Mapping[str, str]) -> str:
    """Return the text of a Java properties file."""
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


_QUICK = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.coordinator.append.linger.ms": "0",
    # The default buffer takes 128 MiB of heap for compacting what tests never write.
    "log.cleaner.dedupe.buffer.size": "4194304",
}
# Measured for an idle node: 13 ms of a processor a second instead of 35.
_LIGHT = {
    # Twice a second the controller would write a record that says nothing.
    "metadata.max.idle.interval.ms": "0",
    # Each looks for work three times a second.
    "num.network.threads": "1",
    "num.io.threads": "2",
}


def _listeners(ports: NodePorts) -> dict[str, str]:
    protocols = {listener.value: listener.protocol for listener in ports.listeners}
    addresses = {listener.value: ports.address(listener) for listener in ports.listeners}
    told = {listener.value: ports.advertised(listener) for listener in ports.listeners}
    return {
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": Listener.PLAINTEXT.value,
        "listener.security.protocol.map": _pairs({"CONTROLLER": "PLAINTEXT", **protocols}, ":"),
        "listeners": _pairs({"CONTROLLER": f"{_HOST}:{ports.controller}", **addresses}, "://"),
        "advertised.listeners": _pairs(told, "://"),
    }


def _replication(factor: int) -> dict[str, str]:
    settings = {
        "default.replication.factor": str(factor),
        "min.insync.replicas": str(_majority(factor)),
        "offsets.topic.replication.factor": str(factor),
        "offsets.topic.num.partitions": "1",
    }
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings |= {
            f"{topic}.replication.factor": str(factor),
            f"{topic}.min.isr": str(_majority(factor)),
            f"{topic}.num.partitions": "1",
        }
    return settings


def _majority(factor: int) -> int:
    return factor // 2 + 1


def _pairs(table: Mapping[str, str], separator: str) -> str:
    return ",".join(f"{key}{separator}{value}" for key, value in table.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")
