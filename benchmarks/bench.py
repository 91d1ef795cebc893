"""What every subject is handed: options, a folder, servers that start at first use."""

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy import URL

from benchmarks.options import Options
from benchmarks.programs import BenchError
from benchmarks.warming import warm_up
from tests.support.kafka import ClusterOptions, KafkaCluster, KafkaUnavailableError
from tests.support.kafka.ports import ReservedPorts
from tests.support.postgres import PostgresServer, why_no_binaries

# Bodies of megabytes for minutes would fill a disk; what was measured is deleted soon.
_FORGETFUL = {
    "log.retention.check.interval.ms": "5000",
    "log.retention.bytes": str(256 << 20),
    "log.segment.bytes": str(32 << 20),
    "log.segment.delete.delay.ms": "1000",
}


class Bench:
    """
    One run of the benchmarks, a context manager.

    The broker is one node of a real Apache Kafka, started as Kafka's own script does it and
    warmed up, with 12 partitions a topic; acks=all.
    """

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.say = say
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        folder = tempfile.TemporaryDirectory(prefix="inferbus-bench-", ignore_cleanup_errors=True)
        self.folder = Path(self._undo.enter_context(folder))
        self._ports = self._undo.enter_context(ReservedPorts())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    @cached_property
    def kafka(self) -> KafkaCluster:
        """The broker; raises `BenchError` where this machine has none."""
        self.say("starting Apache Kafka")
        cluster = KafkaCluster(1, ClusterOptions(settings=_FORGETFUL, is_light=False))
        try:
            started = self._undo.enter_context(cluster)
        except KafkaUnavailableError as error:
            raise BenchError(f"no Kafka: {error}") from error
        self.say("warming it up")
        warm_up(started)
        return started

    @cached_property
    def postgres(self) -> URL:
        """A PostgreSQL that syncs to disk; raises `BenchError` where this machine has none."""
        missing = why_no_binaries()
        if missing:
            raise BenchError(missing)
        self.say("starting PostgreSQL")
        return self._undo.enter_context(PostgresServer(is_durable=True)).url

    def port(self) -> int:
        """Return a port of this machine that nobody else is given."""
        return self._ports.reserve()

    def new_folder(self, name: str) -> Path:
        """Return an empty folder."""
        folder = self.folder / f"{name}-{uuid4().hex[:8]}"
        folder.mkdir()
        return folder

    def new_prefix(self) -> str:
        """Return a prefix for topics and groups that nobody has used."""
        return f"bench-{os.getpid()}-{uuid4().hex[:6]}"
