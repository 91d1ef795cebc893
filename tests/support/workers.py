"""An ingest with several workers as real processes, and a sender that writes down all answers."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
from kafka import KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from bus.kafka import KafkaBus
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import ensure_topics
from schemas.topics import TopicNames
from tests.faults.services import INFERBUS, Service, ask, clean_environment
from tests.support.kafka.ports import ReservedPorts

NOBODY = "127.0.0.1:1"
PATIENCE_S = 60.0
# Some 150 deliveries a second: at any moment some are under way, and workers start all the same.
_PAUSE_S = 0.05
_EVENT = '{{"request_id":"{}","inference_status":{{"status":"succeeded"}},"output":"{}"}}'


class Endpoint:
    """One `inferbus ingest` on ports of its own; `service` is its parent process."""

    def __init__(self, folder: Path, ports: ReservedPorts, servers: str, prefix: str) -> None:
        self.port, self.admin_port = ports.reserve(), ports.reserve()
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}/webhooks/deepinfra"
        self.prefix = prefix
        settings = {
            "INFERBUS_DATA_DIR": str(folder),
            "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": servers,
            "INFERBUS_TOPICS__PREFIX": prefix,
            "INFERBUS_INGEST__AUTH": "none",
            "INFERBUS_INGEST__PORT": str(self.port),
            "INFERBUS_INGEST__ADMIN_PORT": str(self.admin_port),
            "INFERBUS_LOG__FORMAT": "json",
        }
        admin_url = f"http://127.0.0.1:{self.admin_port}"
        command = [INFERBUS, "ingest"]
        environment = clean_environment(settings)
        self.service = Service("ingest", command, environment, folder, admin_url)

    def start(self, workers: int, **settings: str) -> None:
        """Start it and wait until it is ready."""
        self.service.start(INFERBUS_INGEST__WORKERS=str(workers), **settings)
        self.service.wait_ready(PATIENCE_S)

    def checks(self) -> dict[str, dict[str, Any]]:
        """Return what it says of its checks; {} where it does not answer."""
        status, said = ask(f"{self.service.admin_url}/readyz")
        checks: dict[str, dict[str, Any]] = json.loads(said)["checks"] if status else {}
        return checks

    def is_ready(self) -> bool:
        """Whether it says so."""
        return ask(f"{self.service.admin_url}/readyz")[0] == 200

    def pids(self) -> list[int]:
        """Return the process ids of the workers that run."""
        workers = [said for name, said in self.checks().items() if name.startswith("worker ")]
        return [said["pid"] for said in workers if said["pid"] is not None]

    def all_serve(self) -> bool:
        """Whether every worker serves."""
        checks = [said for name, said in self.checks().items() if name.startswith("worker ")]
        return bool(checks) and all(said["status"] == "ok" for said in checks)

    def metrics(self) -> dict[tuple[str, str], float]:
        """Return all samples of the page, by name and labels."""
        status, page = ask(f"{self.service.admin_url}/metrics")
        assert status == 200, page
        families = text_string_to_metric_families(page)
        return {
            (sample.name, str(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def spooled(self) -> dict[str, int]:
        """Return the bytes in each sub-spool's segments."""
        return {
            folder.name: sum(file.stat().st_size for file in folder.glob("*.seg"))
            for folder in sorted((self.folder / "spool").glob("w*"))
        }


@contextmanager
def endpoint(folder: Path, servers: str, prefix: str) -> Iterator[Endpoint]:
    """Give an endpoint that is not started; what runs at the end is ended."""
    with ReservedPorts() as ports:
        made = Endpoint(folder, ports, servers, prefix)
        try:
            yield made
        finally:
            made.service.kill()


@contextmanager
def endpoint_with_topics(folder: Path, servers: str, prefix: str) -> Iterator[Endpoint]:
    """Give an endpoint on a Kafka with its topics, of three partitions."""
    # By a command of its own it takes half a second of the processor, a dozen times.
    with closing(KafkaBus(KafkaSettings(bootstrap_servers=servers)).admin()) as admin:
        settings = TopicSettings(prefix=prefix, partitions=3, replication_factor=1)
        ensure_topics(admin, TopicNames(prefix), settings)
    with endpoint(folder, servers, prefix) as made:
        yield made


Verdict = Literal["acked", "refused", "no-connection", "broken"]


@dataclass
class Sender:
    """Sends from several loops until stopped; each call on a new connection, unless kept alive."""

    url: str
    loops: int = 4
    keeps_alive: bool = False
    may_send: Callable[[], bool] = lambda: True
    answers: dict[str, tuple[Verdict, str]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _problem: BaseException | None = None

    @property
    def acked(self) -> set[str]:
        """The request ids that were answered 2xx."""
        return {name for name, (verdict, _) in self._answers() if verdict == "acked"}

    def others(self) -> list[tuple[Verdict, str]]:
        """Return every verdict that is no acknowledgement."""
        return [said for _, said in self._answers() if said[0] != "acked"]

    def _answers(self) -> list[tuple[str, tuple[Verdict, str]]]:
        return list(self.answers.copy().items())  # the copy is one step; the loops go on

    def wait_for_acks(self, count: int) -> None:
        """Return once so many more were acknowledged."""
        wanted = len(self.acked) + count
        wait_until(lambda: len(self.acked) >= wanted or self._problem is not None)
        if self._problem is not None:
            raise self._problem

    @contextmanager
    def running(self) -> Iterator["Sender"]:
        """Send for the length of a with block; then what is under way comes to its end."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join(PATIENCE_S)
        assert not thread.is_alive()
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._problem = error

    async def _send(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=not self.keeps_alive)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(self._loop(session, n) for n in range(self.loops)))

    async def _loop(self, session: aiohttp.ClientSession, loop: int) -> None:
        number = 0
        while not self._stopping.is_set():
            if not self.may_send():
                await asyncio.sleep(0.05)
                continue
            number += 1
            name = f"R{id(self):x}-{loop}-{number}"
            self.answers[name] = await self._call(session, name)
            await asyncio.sleep(_PAUSE_S)

    async def _call(self, session: aiohttp.ClientSession, name: str) -> tuple[Verdict, str]:
        try:
            async with session.post(self.url, data=_EVENT.format(name, "x" * 500)) as answer:
                text = await answer.text()
                return ("acked" if answer.status < 300 else "refused"), text
        except aiohttp.ClientConnectorError as error:
            return "no-connection", repr(error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return "broken", repr(error)


def wait_until(is_so: Callable[[], Any], what: Callable[[], object] = lambda: "") -> None:
    """Wait for what happens in other processes; `what` tells where it stands if it does not."""
    ends_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends_at, f"gave up waiting: {what()}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be collected does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def end(pid: int, number: signal.Signals) -> None:
    """Send a worker a signal."""
    os.kill(pid, number)


def published(servers: str, topic: str) -> set[str]:
    """Return the keys of all records of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=servers.split(","), enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        keys: set[str] = set()
        while any(consumer.position(each) < ends[each] for each in partitions):
            for records in consumer.poll(500).values():
                keys.update(record.key.decode() for record in records)
        return keys
    finally:
        consumer.close()
