"""
No secret in anything that inferbus writes: real processes, a secured Kafka, PostgreSQL.

Every place that takes a secret gets one that can be found again. Senders quote theirs in every
text of their bodies, make every kind of mistake with them, and everything written is searched.
The exact bytes of bodies are kept as they came: there the search must find them.
"""

import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, inspect, make_url, text

from inferbus import callback
from schemas.topics import TopicNames
from tests.faults.receiver import receiving
from tests.faults.system import Plan, System, running_system
from tests.support import postgres
from tests.support.canaries import Canaries, failed, quoting, signed_headers
from tests.support.kafka import KafkaCluster, Listener, Login, Mechanism
from tests.support.kafka.options import ClusterOptions
from tests.support.kafka.waiting import wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
    pytest.mark.timeout(600),
]

# Where the exact bytes of a body are kept, on purpose.
_BODIES = {"body", "value"}
_COMMANDS = (
    ("config", "show"),
    ("list", "--limit", "100"),
    ("quarantine", "list"),
    ("alerts", "list"),
    ("audit",),
)


@dataclass
class Written:
    """All that inferbus wrote, by where; and apart from it the bodies that it kept."""

    said: dict[str, bytes] = field(default_factory=dict)
    kept: bytes = b""

    def add(self, where: str, what: bytes | str) -> None:
        """Add something to what is searched."""
        raw = what.encode() if isinstance(what, str) else what
        self.said[where] = self.said.get(where, b"") + raw

    def holding(self, secret: str) -> list[str]:
        """Return where a secret stands."""
        return [where for where, what in self.said.items() if secret.encode() in what]


class Sender:
    """Posts, and hands on every answer, headers included."""

    def __init__(self, base_url: str, written: Written) -> None:
        self.base = base_url
        self._written = written
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(self, url: str, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Return the status."""
        call = urllib.request.Request(url, body, headers or {}, method="POST")  # noqa: S310 - ours
        try:
            with self._opener.open(call, timeout=30) as answer:
                return self._take(answer.status, answer)
        except urllib.error.HTTPError as answer:
            return self._take(answer.code, answer)

    def _take(self, status: int, answer: Any) -> int:
        self._written.add(f"answers {status}", str(answer.headers).encode() + answer.read())
        return status

    def raw(self, call: bytes) -> None:
        """Send bytes that are no HTTP."""
        host, port = self.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(call)
            with contextlib.suppress(ConnectionResetError):
                self._written.add("answers to malformed calls", connection.recv(65536))


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def database(canaries: Canaries, postgres_server: URL) -> Iterator[str]:
    """The URL of a database with a password in it."""
    with postgres.database(postgres_server) as url:
        role = f"CREATE ROLE canary SUPERUSER LOGIN PASSWORD '{canaries.database}'"
        postgres.run(postgres_server, role)
        yield (
            make_url(url)
            .set(username="canary", password=canaries.database)
            .render_as_string(hide_password=False)
        )
        own = make_url(url).set(drivername=postgres_server.drivername)
        postgres.run(own, "REASSIGN OWNED BY canary TO CURRENT_USER", "DROP ROLE canary")


@pytest.fixture(scope="module")
def written(
    canaries: Canaries, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Written]:
    """Let everything happen once, and collect what was written."""
    folder = tmp_path_factory.mktemp("canaries")
    options = ClusterOptions(listeners=(Listener.SASL_PLAINTEXT,))
    login = Login("canary", canaries.kafka, Mechanism.SCRAM_SHA_256)
    with KafkaCluster(options=options) as kafka, receiving() as receiver:
        kafka.add_scram_user(login)
        settings = canaries.settings(receiver.url) | {
            "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": kafka.servers(Listener.SASL_PLAINTEXT),
            "INFERBUS_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "INFERBUS_KAFKA__SASL_MECHANISM": login.mechanism.value,
            "INFERBUS_KAFKA__SASL_USERNAME": login.user,
            "INFERBUS_KAFKA__SASL_PASSWORD": login.password,
        }
        receiver.answers[:] = [500]
        plan = Plan(settings=settings, database_url=database)
        with running_system(folder, kafka.bootstrap_servers, plan) as system:
            yield collected(system, canaries, Written(), receiver)


def collected(system: System, canaries: Canaries, written: Written, receiver: Any) -> Written:
    """Deliver, make every mistake, ask every question; return all that was written."""
    base = system.urls[0].split("/webhooks/")[0]
    sender = Sender(base, written)
    deliver(sender, canaries)
    mistakes(sender, canaries)
    wait_until(lambda: bool(receiver.told()), "an alert to be told", timeout_s=60)
    wait_until(lambda: stored(system.database_url) >= 30, "all to be stored", timeout_s=60)
    look_around(system, written)
    questions(system, written)
    system["ingest"].stop()
    wrong_settings(system, canaries, written)
    for where, what in system.logs().items():
        written.add(where, what)
    records(system, written)
    tables(system.database_url, written)
    files(system.folder, written)
    return written


def signed(base: str, canaries: Canaries) -> str:
    """Return a callback URL, the same one at any time."""
    key = f"k2:{canaries.signing}"
    return callback.url(base, "deepinfra", key=key, job="7", nonce="n", expires_in_s=None)


def deliver(sender: Sender, canaries: Canaries) -> None:
    """Deliver by every method, quoting what was shown."""
    url = signed(sender.base, canaries)
    for body in quoting("signed", url):
        assert sender.post(url, body) in (200, 202)
    path = f"{sender.base}/webhooks/deepinfra/{canaries.token}"
    for quoted in (path, canaries.token):
        for body in quoting(f"token{len(quoted)}", quoted):
            assert sender.post(path, body) in (200, 202)
    plain = f"{sender.base}/webhooks/deepinfra"
    for name, scheme, secret in (
        ("bearer", "Bearer", canaries.token),
        ("basic", "Basic", canaries.user),
        ("password", "Basic", canaries.password),
    ):
        shown = canaries.user if scheme == "Basic" else secret
        for body in quoting(name, secret):
            assert sender.post(plain, body, {"Authorization": f"{scheme} {shown}"}) in (200, 202)
    body = json.dumps({"id": "p1", "status": "failed", "error": "no luck"}).encode()
    headers = signed_headers(canaries.webhooks, body)
    assert sender.post(f"{sender.base}/webhooks/replicate", body, headers) == 200


def mistakes(sender: Sender, canaries: Canaries) -> None:
    """Show secrets where they are refused: not quite right, elsewhere, in what is no HTTP."""
    url, body = signed(sender.base, canaries), failed("R-x", "x")
    mac = url.rsplit(".", 1)[1]
    for path in (
        f"deepinfra/{canaries.token}x",
        f"deepinfra/{url.rsplit('/', 1)[1]}x",
        f"replicate/{url.rsplit('/', 1)[1]}",
        f"deepinfra/a/{canaries.token}",
        f"{canaries.token}",
    ):
        assert sender.post(f"{sender.base}/webhooks/{path}", body) in (401, 404)
    assert sender.post(f"{sender.base}/{canaries.token}", body) == 404
    for scheme, secret in (("Bearer", canaries.token), ("Basic", canaries.user)):
        headers = {"Authorization": f"{scheme} {secret}x"}
        assert sender.post(f"{sender.base}/webhooks/deepinfra", body, headers) == 401
    assert sender.post(url, body, {"Content-Encoding": "gzip"}) == 415
    for line in (
        f"POST /webhooks/deepinfra/{canaries.token} HTTP/9.x\r\n\r\n",
        f"POST /webhooks/deepinfra/{mac}\x01 HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization\x01: Bearer {canaries.token}\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization: Basic {canaries.user * 300}\r\n\r\n",
        f"{canaries.token}\r\n\r\n",
    ):
        sender.raw(line.encode())


def stored(database_url: str) -> int:
    """Return how many events and quarantined bodies the database holds."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        names = ("events", "quarantine")
        counts = [connection.execute(text(f"SELECT count(*) FROM {n}")).scalar() for n in names]  # noqa: S608 - two literals
    engine.dispose()
    return sum(count or 0 for count in counts)


def look_around(system: System, written: Written) -> None:
    """Read what a process shows of itself while it runs."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for name, service in system.services.items():
        for path in ("metrics", "readyz", "livez"):
            with opener.open(f"{service.admin_url}/{path}", timeout=10) as answer:
                written.add(f"/{path} of {name}", str(answer.headers).encode() + answer.read())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for title in ("cmdline", "comm"):
                written.add("titles of processes", (process / title).read_bytes() + b"\n")


def questions(system: System, written: Written) -> None:
    """Ask every command that shows something of what is kept."""
    for command in _COMMANDS:
        done = system.run(*command, "--json")
        written.add(f"inferbus {command[0]}", done.stdout + done.stderr)
    done = system.run("get", "R-signed", "--json")
    assert done.returncode == 0, done.stderr
    written.add("inferbus get", done.stdout)


def wrong_settings(system: System, canaries: Canaries, written: Written) -> None:
    """Give settings that cannot be used: what complains about a secret does not quote it."""
    base = make_url(system.database_url)
    away, mistyped = base.set(port=1), base.set(host=f"@{base.host}")
    wrong = [
        (("topics", "check"), "INFERBUS_KAFKA__SASL_PASSWORD", canaries.kafka + "x"),
        (("ingest",), "INFERBUS_INGEST__SIGNING_KEYS", f"k 1:{canaries.signing}"),
        (("ingest",), "INFERBUS_INGEST__WEBHOOK_SECRETS", canaries.webhooks),
        (("alerting",), "INFERBUS_ALERTING__WEBHOOK_URL", f"ftp://h/{canaries.alert_path}"),
        (("db", "check"), "INFERBUS_STORAGE__URL", away.render_as_string(hide_password=False)),
        (("db", "check"), "INFERBUS_STORAGE__URL", mistyped.render_as_string(hide_password=False)),
    ]
    for command, name, value in wrong:
        done = system.run(*command, **{name: value})
        said = done.stdout + done.stderr
        written.add(f"a wrong {name}", said)
        assert done.returncode in (1, 2), (command, name, said)


def records(system: System, written: Written) -> None:
    """Read every record; the provider's bytes apart."""
    names = TopicNames(system.prefix)
    events = {names.of(outcome) for outcome in ("succeeded", "failed", "progress")}
    for record in system.new_records():
        written.add("keys and headers of records", record.rest)
        value = record.value or b""
        if record.topic in events:
            head, cut, payload = value.partition(b',"payload":')
            written.add("values of records", head)
            written.kept += cut + payload
        elif record.topic == names.of("alerts"):
            written.add("values of alerts", value)
        elif record.topic == names.of("quarantine"):
            written.kept += value


def tables(database_url: str, written: Written) -> None:
    """Read every column of every table and view, bodies apart."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        look = inspect(engine)
        for table in [*look.get_table_names(), *look.get_view_names()]:
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():  # noqa: S608 - its own names
                for column, cell in row.items():
                    raw = (
                        bytes(cell) if isinstance(cell, memoryview | bytes) else str(cell).encode()
                    )
                    if column in _BODIES:
                        written.kept += raw
                    else:
                        written.add(f"column {table}.{column}", raw + b"\n")
    engine.dispose()


def files(folder: Path, written: Written) -> None:
    """Read every file of the data directory; blobs and the spool keep bodies."""
    for file in folder.rglob("*"):
        if file.is_file():
            kind = file.relative_to(folder).parts[0]
            if kind.startswith(("blobs", "spool")):
                written.kept += file.read_bytes()
            else:
                written.add(f"file {file.name}", file.read_bytes())


def test_no_secret_is_written_anywhere(canaries: Canaries, written: Written) -> None:
    """Each secret, in each of its spellings, and the end of the signed URL."""
    mac = signed("http://x", canaries).rsplit(".", 1)[1]
    found = {
        name: places
        for name, secret in {**canaries.everything, "mac of a URL": mac}.items()
        if (places := written.holding(secret))
    }

    assert found == {}


@pytest.mark.parametrize("name", ["token", "password", "basic pair"])
def test_the_bytes_of_bodies_are_kept(canaries: Canaries, written: Written, name: str) -> None:
    """What a body quotes stands in it as it came: the search finds what is there."""
    assert canaries.everything[name].encode() in written.kept
    assert signed("http://x", canaries).rsplit(".", 1)[1].encode() in written.kept


def test_everything_was_searched(written: Written) -> None:
    """Nothing was empty: each of these places had something to say."""
    places = set(written.said)

    assert {
        *("answers 200", "answers 202", "answers 401", "answers 404", "answers 415"),
        *("answers to malformed calls", "log of ingest", "log of storage", "log of alerting"),
        *("/metrics of ingest", "/readyz of storage", "titles of processes"),
        *("keys and headers of records", "values of records", "values of alerts"),
        *("column events.error_message", "column quarantine.detail", "column alerts.summary"),
    } <= places
    assert b"inferbus" in written.said["titles of processes"]
    assert b"***" in written.said["column events.error_message"]
    assert b'"reason":"malformed"' in written.said["log of ingest"]
