"""A whole inferbus on a Kafka: ingests, storage, alerting, a database, someone who is told."""

import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove

from bus.kafka import KafkaBus
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import ensure_topics
from consumers.database import upgrade
from schemas.topics import TopicNames
from tests.faults.draining import Ask, Lag, spool_empty
from tests.faults.ledger import Identity
from tests.faults.receiver import Receiver, receiving
from tests.faults.services import INFERBUS, Service, clean_environment
from tests.support.kafka.ports import ReservedPorts

INLINE_LIMIT_BYTES = 4096
_ONE_INGEST = ("ingest",)
_COMMAND_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class Plan:
    """How a system differs from a plain one."""

    ingests: Sequence[str] = _ONE_INGEST
    storages: Sequence[str] = ("storage",)
    """Members of one group, on one database."""
    twins: Sequence[str] = ()
    """Further storages, each a group of its own on a database of its own."""
    settings: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings of single services, by their names."""
    database_url: str | None = None
    partitions: int = 3
    has_alerting: bool = True


class Published(NamedTuple):
    """A record on one of the system's topics."""

    topic: str
    event_id: str
    value: bytes | None
    rest: bytes
    """Key and headers."""


class System:
    """Made by `running_system`; its verbs act on processes by name."""

    def __init__(self, folder: Path, servers: str, receiver: Receiver, plan: Plan) -> None:
        self.folder = folder
        self.servers = servers
        self.receiver = receiver
        self.plan = plan
        self.prefix = f"faults-{uuid4().hex[:8]}"
        self.token = secrets.token_hex(16)
        self.webhook_secret = secrets.token_hex(24)
        self.services: dict[str, Service] = {}
        self.known: set[Identity] = set()
        """What earlier rows on this system have sent."""
        self._urls: dict[str, str] = {}
        self._read_to: dict[TopicPartition, int] = {}

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    @property
    def secrets(self) -> list[str]:
        """What must stand in no log, record or table."""
        return [self.token, self.webhook_secret]

    @property
    def database_url(self) -> str:
        """Where storage writes."""
        return self.plan.database_url or f"sqlite:///{self.folder / 'inferbus.db'}"

    @property
    def databases(self) -> list[str]:
        """Every database that must hold what was promised."""
        return [self.database_url, *map(self._twin_url, self.plan.twins)]

    def _twin_url(self, name: str) -> str:
        return f"sqlite:///{self.folder / f'{name}.db'}"

    @property
    def urls(self) -> list[str]:
        """Where to deliver, one per ingest."""
        return list(self._urls.values())

    def url_of(self, ingest: str) -> str:
        """Return where to deliver to one of them."""
        return self._urls[ingest]

    @property
    def groups(self) -> list[str]:
        """The consumer groups."""
        alerting = [f"{self.prefix}-alerting"] if self.plan.has_alerting else []
        twins = [f"{self.prefix}-{name}-storage" for name in self.plan.twins]
        return [f"{self.prefix}-storage", *alerting, *twins]

    def drained(self, *, set_aside: int = 0) -> list[Ask]:
        """Return who must have nothing under way; refused entries stay in the spool."""
        spools = [spool_empty(self[name].admin_url, set_aside) for name in self.plan.ingests]
        return [*spools, Lag(self.servers, self.groups, self.prefix)]

    def run(self, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands to its end."""
        return subprocess.run(
            [INFERBUS, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_TIMEOUT_S,
            env=self.environment() | extra,
            cwd=self.folder,
        )

    def environment(self) -> dict[str, str]:
        """Return what every process of the system is configured by."""
        settings = {
            "INFERBUS_DATA_DIR": str(self.folder),
            "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "INFERBUS_KAFKA__GROUP_PREFIX": self.prefix,
            "INFERBUS_TOPICS__PREFIX": self.prefix,
            "INFERBUS_TOPICS__PARTITIONS": str(self.plan.partitions),
            "INFERBUS_INGEST__AUTH": "token",
            "INFERBUS_INGEST__TOKENS": f"faults:{self.token}",
            "INFERBUS_INGEST__INLINE_LIMIT_BYTES": str(INLINE_LIMIT_BYTES),
            "INFERBUS_STORAGE__URL": self.database_url,
            "INFERBUS_ALERTING__WEBHOOK_URL": self.receiver.url,
            "INFERBUS_ALERTING__WEBHOOK_SECRET": self.webhook_secret,
            "INFERBUS_LOG__FORMAT": "json",
            **self.plan.settings,
        }
        return clean_environment(settings)

    def prepare(self) -> None:
        """Make topics and tables, within this process: each command takes a second of another."""
        with closing(KafkaBus(KafkaSettings(bootstrap_servers=self.servers)).admin()) as admin:
            settings = TopicSettings(prefix=self.prefix, partitions=self.plan.partitions)
            ensure_topics(admin, TopicNames(self.prefix), settings)
        for name, url in zip(("storage", *self.plan.twins), self.databases, strict=True):
            self._upgrade(url, self.plan.own.get(name, {}))

    def _upgrade(self, url: str, own: Mapping[str, str]) -> None:
        if not own:
            upgrade(url)
            return
        done = self.run("db", "upgrade", **{"INFERBUS_STORAGE__URL": url, **own})
        assert done.returncode == 0, done.stderr

    def add(self, kind: str, name: str, ports: ReservedPorts, **settings: str) -> Service:
        """Make a service that is not started yet."""
        admin_port = ports.reserve()
        own = {f"INFERBUS_{kind.upper()}__ADMIN_PORT": str(admin_port)}
        if kind == "ingest":
            port = ports.reserve()
            own |= {"INFERBUS_INGEST__PORT": str(port)}
            own |= {"INFERBUS_SPOOL__DIR": str(self.folder / f"spool-{name}")}
            self._urls[name] = f"http://127.0.0.1:{port}/webhooks/deepinfra/{self.token}"
        environment = self.environment() | own | settings | dict(self.plan.own.get(name, {}))
        admin_url = f"http://127.0.0.1:{admin_port}"
        command = [INFERBUS, kind]
        self.services[name] = Service(name, command, environment, self.folder, admin_url)
        return self.services[name]

    def add_twin(self, name: str, ports: ReservedPorts) -> Service:
        """Make a storage that reads everything for itself."""
        own = {"INFERBUS_STORAGE__URL": self._twin_url(name)}
        own |= {"INFERBUS_KAFKA__GROUP_PREFIX": f"{self.prefix}-{name}"}
        return self.add("storage", name, ports, **own)

    def start(self, *names: str) -> None:
        """Start services, all of them if none is named; return when they are ready."""
        wanted = [self[name] for name in names or self.services]
        for service in wanted:
            service.start()
        for service in wanted:
            service.wait_ready()

    def ensure_running(self) -> None:
        """Start again what a fault has ended, let go on what it has frozen."""
        ended = [service for service in self.services.values() if not service.is_running]
        for service in self.services.values():
            service.thaw()
        for service in ended:
            service.start()
        for service in self.services.values():
            service.wait_ready(120.0)

    def expel_members(self) -> None:
        """Let the groups forget members that have died, which a session's timeout does else."""
        admin = KafkaAdminClient(bootstrap_servers=self.servers.split(","))
        try:
            for group, described in admin.describe_groups(self.groups).items():
                members = [MemberToRemove(each["member_id"]) for each in described["members"]]
                admin.remove_group_members(group, members)
        finally:
            admin.close()

    def new_records(self) -> list[Published]:
        """Return every record on the system's topics that no earlier call has returned."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.servers.split(","), enable_auto_commit=False
        )
        try:
            partitions = self._partitions(consumer)
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            for each in partitions:
                # A topic made anew begins at 0 again.
                start = self._read_to.get(each, 0)
                consumer.seek(each, start if start <= ends[each] else 0)
            found = list(_read(consumer, ends))
            self._read_to |= ends
            return found
        finally:
            consumer.close()

    def _partitions(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        names = [f"{self.prefix}.{each}" for each in _TOPICS]
        return [TopicPartition(t, p) for t in names for p in consumer.partitions_for_topic(t) or ()]

    def logs(self) -> dict[str, bytes]:
        """Return what the services have logged."""
        return {f"log of {s.name}": s.log.encode() for s in self.services.values()}


_TOPICS = ("succeeded", "failed", "progress", "quarantine", "deadletter", "alerts")


def _read(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[Published]:
    while any(consumer.position(each) < end for each, end in ends.items()):
        for records in consumer.poll(500).values():
            for record in records:
                headers = dict(record.headers)
                rest = (record.key or b"") + b"".join(v or b"" for v in headers.values())
                event_id = (headers.get("ce_id") or b"").decode()
                yield Published(record.topic, event_id, record.value, rest)


@contextmanager
def running_system(folder: Path, servers: str, plan: Plan | None = None) -> Iterator[System]:
    """Give a system whose services are ready; what still runs at the end is ended."""
    plan = plan or Plan()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        receiver = undo.enter_context(receiving())
        ports = undo.enter_context(ReservedPorts())
        system = System(folder, servers, receiver, plan)
        undo.callback(_end, system)
        for name in plan.ingests:
            system.add("ingest", name, ports)
        for name in plan.storages:
            system.add("storage", name, ports)
        for name in plan.twins:
            system.add_twin(name, ports)
        if plan.has_alerting:
            system.add("alerting", "alerting", ports)
        system.prepare()
        system.start()
        yield system


def _end(system: System) -> None:
    for service in system.services.values():
        service.thaw()
        service.kill()
