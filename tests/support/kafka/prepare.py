"""Bring the cache folder to the point where clusters start quickly."""

import tempfile
from pathlib import Path

from .distribution import SERVER, Distribution
from .errors import KafkaUnavailableError
from .jars import KAFKA_VERSION, cache_dir, cache_lock, ensure_jars
from .java import find_java, java_version
from .node import Node
from .options import Listener
from .ports import ReservedPorts
from .properties import NodePorts, node_settings, render
from .template import copy_template, make_template, new_id

_START_TIMEOUT_S = 60.0


def ensure_distribution() -> Distribution:
    """
    Return a Kafka ready to run; jars, template and class archive are made once.

    Takes some 20 s the first time, nothing later. Raises KafkaUnavailableError.
    """
    lib = ensure_jars()
    java = find_java()
    if java is None:
        raise KafkaUnavailableError("no java")
    distribution = Distribution(
        java=java,
        lib=lib,
        template=cache_dir() / f"template-{KAFKA_VERSION}",
        archive=cache_dir() / f"classes-{KAFKA_VERSION}-java-{java_version(java)}.jsa",
    )
    if not (distribution.template.exists() and distribution.archive.exists()):
        with cache_lock():
            make_template(distribution)
            _make_archive(distribution)
    return distribution


def _make_archive(distribution: Distribution) -> None:
    """Let a node write down the classes it loaded; brokers then start in half the time."""
    target = distribution.archive
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".archive-") as scratch:
        written = Path(scratch) / target.name
        _run_once(distribution, Path(scratch), f"-XX:ArchiveClassesAtExit={written}")
        # A Java that cannot archive is not asked again: an empty file is ignored.
        written.touch()
        written.rename(target)


def _run_once(distribution: Distribution, folder: Path, flag: str) -> None:
    config, data = folder / "server.properties", folder / "data"
    copy_template(distribution, data, 1, new_id())
    with ReservedPorts() as reserved:
        listeners = {Listener.PLAINTEXT: reserved.reserve()}
        ports = NodePorts(reserved.reserve(), listeners, reserved.reserve())
        config.write_text(render(node_settings(1, {1: ports}, data)))
        command = distribution.command(SERVER, str(config), flags=[flag])
        node = Node(1, command, folder)
        node.start()
        try:
            node.wait_started(_START_TIMEOUT_S)
        finally:
            node.stop()
