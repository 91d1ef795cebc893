"""Every way into a secured Kafka, by settings alone, and the least a service must be allowed."""

import base64
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from bus.errors import BusUnavailableError, PublishError
from bus.kafka import KafkaBus
from bus.kafka.oauth import ClientCredentials, TokenUnavailableError
from bus.kafka.preflight import Right, check_access, check_connection, rights_of
from bus.kafka.preflight.rights import Service
from bus.protocols import TopicConfig
from bus.records import ReceivedRecord, Record, TopicPartition
from bus.runtime.settings import load_settings
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import check_topics, ensure_topics
from schemas.topics import TopicNames
from tests.support.kafka import (
    CLIENT_KEY_PASSWORD,
    KafkaCluster,
    Listener,
    Login,
    Mechanism,
    unsigned_token,
)
from tests.support.schemas import ROOT

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
]

SECRET = "hunter2"
Environment = Mapping[str, object]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def kafka(secured_node: KafkaCluster) -> KafkaCluster:
    """The secured node, on which the client that shows our certificate may do something."""
    secured_node.allow("client", "ALL", "way-", prefixed=True)
    secured_node.allow("client", "ALL", "way-", resource="GROUP", prefixed=True)
    return secured_node


@pytest.fixture(scope="module")
def token_endpoint() -> Iterator[str]:
    """Gives tokens of the admin to the client "us", who must know the secret and a scope."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic "))
            is_known = login == f"us:{SECRET}".encode()
            asks = form == {"grant_type": ["client_credentials"], "scope": ["kafka"]}
            answer = {"access_token": unsigned_token("admin"), "expires_in": 300}
            self._answer(200, answer) if is_known and asks else self._answer(401, _REFUSAL)

        def _answer(self, status: int, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()


_REFUSAL = {"error": "invalid_client", "error_description": f"never echo {SECRET}"}


def environment(kafka: KafkaCluster, listener: Listener, **more: object) -> Environment:
    """Return the settings for a listener, as an operator gives them."""
    given: dict[str, object] = {
        "BOOTSTRAP_SERVERS": kafka.servers(listener),
        "SECURITY_PROTOCOL": listener.protocol,
    }
    if listener.uses_tls:
        given["SSL_CAFILE"] = kafka.certificates.ca
    return given | more


def by(login: Login) -> Environment:
    """Return the settings of a login."""
    return {
        "SASL_MECHANISM": login.mechanism.value,
        "SASL_USERNAME": login.user,
        "SASL_PASSWORD": login.password,
    }


def settings_of(given: Environment, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """Return what the settings tree makes of an environment."""
    for name, value in given.items():
        monkeypatch.setenv(f"INFERBUS_KAFKA__{name}", str(value))
    return load_settings().kafka


ADMIN = Login("admin", "admin-pw")
ALICE = Login("alice", "alice-pw")
SASL_WAYS = [
    (listener, mechanism)
    for listener in (Listener.SASL_PLAINTEXT, Listener.SASL_SSL)
    for mechanism in (Mechanism.PLAIN, Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_512)
]


@pytest.mark.parametrize("listener", [Listener.PLAINTEXT, Listener.TLS])
def test_the_bus_works_without_a_login(
    kafka: KafkaCluster, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_trip(settings_of(environment(kafka, listener), monkeypatch))


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["key", "encrypted key"])
def test_the_bus_works_by_client_certificate(
    kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch, *, is_encrypted: bool
) -> None:
    files = kafka.certificates
    certificate: dict[str, object] = {"SSL_CERTFILE": files.client, "SSL_KEYFILE": files.client_key}
    if is_encrypted:
        certificate["SSL_KEYFILE"] = files.client_key_encrypted
        certificate["SSL_KEY_PASSWORD"] = CLIENT_KEY_PASSWORD

    round_trip(settings_of(environment(kafka, Listener.MTLS, **certificate), monkeypatch))


@pytest.mark.parametrize(("listener", "mechanism"), SASL_WAYS)
def test_the_bus_works_by_password(
    kafka: KafkaCluster,
    listener: Listener,
    mechanism: Mechanism,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = environment(kafka, listener, **by(ADMIN.by(mechanism)))

    round_trip(settings_of(given, monkeypatch))


def test_the_direct_publisher_logs_in_the_same_way(
    kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = by(ADMIN.by(Mechanism.SCRAM_SHA_512))
    given = environment(kafka, Listener.SASL_SSL, PUBLISHER="direct", **login)

    round_trip(settings_of(given, monkeypatch))


def test_the_direct_publisher_shows_the_same_certificate(
    kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = kafka.certificates
    certificate = {"SSL_CERTFILE": files.client, "SSL_KEYFILE": files.client_key}
    given = environment(kafka, Listener.MTLS, PUBLISHER="direct", **certificate)

    round_trip(settings_of(given, monkeypatch))


@pytest.mark.parametrize("listener", [Listener.SASL_PLAINTEXT, Listener.SASL_SSL])
def test_the_bus_works_by_a_token_from_a_file(
    kafka: KafkaCluster, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(unsigned_token("admin") + "\n")
    oauth = {"SASL_MECHANISM": "OAUTHBEARER", "OAUTH_TOKEN_FILE": token}

    round_trip(settings_of(environment(kafka, listener, **oauth), monkeypatch))


def test_the_bus_works_by_a_token_that_an_endpoint_grants(
    kafka: KafkaCluster, token_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(kafka, Listener.SASL_SSL, **granted(token_endpoint, SECRET))

    round_trip(settings_of(given, monkeypatch))


def granted(endpoint: str, secret: str) -> Environment:
    """Return the settings of the client credentials grant."""
    return {
        "SASL_MECHANISM": "OAUTHBEARER",
        "OAUTH_TOKEN_URL": endpoint,
        "OAUTH_CLIENT_ID": "us",
        "OAUTH_CLIENT_SECRET": secret,
        "OAUTH_SCOPE": "kafka",
    }


def test_a_refused_grant_names_the_endpoint_and_its_word_for_it(
    kafka: KafkaCluster, token_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(kafka, Listener.SASL_SSL, **granted(token_endpoint, "wrong"))

    (found,) = check_connection(settings_of(given, monkeypatch))

    assert found.message == (
        f"no token to log in with, {token_endpoint} answered 401 invalid_client: check the"
        " settings INFERBUS_KAFKA__OAUTH_*"
    )


def test_a_token_endpoint_that_is_away_is_named() -> None:
    ask = ClientCredentials("http://127.0.0.1:1/token", "us", SECRET)

    with pytest.raises(TokenUnavailableError, match=r":1/token cannot be reached: .*refused"):
        ask()


def round_trip(settings: KafkaSettings) -> None:
    """Create a topic, publish, consume in a group, commit, read the commit back."""
    bus, topic = KafkaBus(settings), f"way-{next(_numbers)}"
    with closing(bus.admin()) as admin:
        admin.create_topics([TopicConfig(topic, 1, 1)])
        publish(bus, topic)
        with closing(bus.subscribe(f"{topic}-readers", [topic], "test")) as subscription:
            (received,) = poll(subscription)
            subscription.commit({received.position.topic_partition: received.position.next_offset})

        assert received.value == topic.encode()
        assert admin.committed(f"{topic}-readers") == {TopicPartition(topic, 0): 1}


def publish(bus: KafkaBus, *topics: str) -> None:
    """Publish a record that says its topic's name on each."""
    with closing(bus.publisher("test")) as publisher:
        for topic in topics:
            publisher.submit(Record(topic, b"key", topic.encode())).result(15)


def poll(subscription: object, timeout_s: float = 20) -> list[ReceivedRecord]:
    """Return the first records that come."""
    ends_at = time.monotonic() + timeout_s
    while time.monotonic() < ends_at:
        if records := subscription.poll(1):  # type: ignore[attr-defined] # any subscription
            return list(records)
    raise AssertionError("no record came")


class Office:
    """A fresh set of topics, and alice, who is allowed things one by one."""

    def __init__(self, kafka: KafkaCluster, settings: KafkaSettings, *, has_topics: bool) -> None:
        self.kafka = kafka
        self.settings = settings
        self.names = TopicNames(f"office-{next(_numbers)}")
        self.group_prefix = self.names.prefix
        if has_topics:
            for name in self.names.all:
                kafka.create_topic(name)

    def rights(self, service: Service) -> tuple[Right, ...]:
        """Return the documented rights of a service."""
        return rights_of(service, self.names, self.group_prefix)

    def allow(self, rights: Sequence[Right]) -> None:
        """Give alice these rights and no others."""
        for right in rights:
            resource = right.resource.upper()
            self.kafka.allow(ALICE.user, right.operation, right.name, resource=resource)

    def missing(self, service: Service) -> list[str]:
        """Return the lines about what alice lacks to be the service."""
        return [found.message for found in check_access(self.settings, self.rights(service))]


@pytest.fixture
def alice(kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """Return the settings of a user who may do only what ACLs allow."""
    return settings_of(environment(kafka, Listener.SASL_SSL, **by(ALICE)), monkeypatch)


def test_ingest_works_with_exactly_its_rights(kafka: KafkaCluster, alice: KafkaSettings) -> None:
    office = Office(kafka, alice, has_topics=True)
    rights = office.rights("ingest")
    office.allow(rights)

    publish(KafkaBus(alice), *{right.name for right in rights})

    assert office.missing("ingest") == []


@pytest.mark.parametrize("service", ["storage", "alerting"])
def test_a_consumer_works_with_exactly_its_rights(
    kafka: KafkaCluster, alice: KafkaSettings, service: Service
) -> None:
    office = Office(kafka, alice, has_topics=True)
    rights = office.rights(service)
    office.allow(rights)
    bus, group = KafkaBus(alice), f"{office.group_prefix}-{service}"
    read = [right.name for right in rights if (right.resource, right.operation) == _READS]
    publish(KafkaBus(plain(kafka)), *read)

    publish(bus, *{right.name for right in rights if right.operation == "WRITE"})
    with closing(bus.subscribe(group, read, "test")) as subscription:
        for record in poll(subscription):
            subscription.commit({record.position.topic_partition: record.position.next_offset})
        subscription.lag()

    assert office.missing(service) == []


_READS = ("topic", "READ")


def plain(kafka: KafkaCluster) -> KafkaSettings:
    """Return the settings of a client that may do everything."""
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


def test_topics_are_made_and_checked_with_exactly_the_rights_of_admin(
    kafka: KafkaCluster, alice: KafkaSettings
) -> None:
    office = Office(kafka, alice, has_topics=False)
    office.allow(office.rights("admin"))
    with closing(KafkaBus(alice).admin()) as admin:
        created = ensure_topics(admin, office.names, TopicSettings(partitions=1))

        assert sorted(created) == sorted(office.names.all)
        assert check_topics(admin, office.names, TopicSettings(partitions=1)) == []
    assert office.missing("admin") == []


@pytest.mark.parametrize("service", ["ingest", "storage", "alerting"])
def test_each_missing_right_is_named(
    kafka: KafkaCluster, alice: KafkaSettings, service: Service
) -> None:
    """Granted one by one, they leave the list one by one: none is implied, none is idle."""
    office = Office(kafka, alice, has_topics=True)
    rights = office.rights(service)

    for granted_so_far in range(len(rights)):
        assert sorted(office.missing(service)) == sorted(map(line, rights[granted_so_far:]))
        office.allow([rights[granted_so_far]])

    assert office.missing(service) == []


def line(right: Right) -> str:
    """Return the line that names a missing right of alice."""
    return (
        f"no right to {right.operation} {right.resource} {right.name}: run kafka-acls.sh --add"
        f" --allow-principal User:alice --operation {right.operation}"
        f" --{right.resource} {right.name}"
    )


def test_creating_without_the_right_names_it(kafka: KafkaCluster, alice: KafkaSettings) -> None:
    office = Office(kafka, alice, has_topics=False)
    office.allow([right for right in office.rights("admin") if right.operation == "DESCRIBE"])
    first = office.names.of("succeeded")

    with (
        closing(KafkaBus(alice).admin()) as admin,
        pytest.raises(BusUnavailableError, match=f"^no right to CREATE topic {first}: "),
    ):
        ensure_topics(admin, office.names, TopicSettings(partitions=1))


@pytest.mark.parametrize("kind", ["client", "direct"])
def test_publishing_without_the_right_names_it(
    kafka: KafkaCluster, alice: KafkaSettings, kind: str
) -> None:
    topic = Office(kafka, alice, has_topics=True).names.of("failed")
    settings = alice.model_copy(update={"publisher": kind})

    with closing(KafkaBus(settings).publisher("test")) as publisher:
        with pytest.raises(PublishError, match=f"^no right to WRITE topic {topic}: "):
            publisher.submit(Record(topic, b"key", b"value")).result(15)

        assert str(publisher.healthy()).startswith(f"no right to WRITE topic {topic}: ")


def test_consuming_without_a_right_names_it(kafka: KafkaCluster, alice: KafkaSettings) -> None:
    office = Office(kafka, alice, has_topics=True)
    bus, topic, group = KafkaBus(alice), office.names.of("failed"), f"{office.group_prefix}-g"

    with pytest.raises(BusUnavailableError) as denied:
        bus.subscribe(group, [topic], "test")
    office.allow([Right("topic", topic, "READ")])
    with (
        closing(bus.subscribe(group, [topic], "test")) as subscription,
        pytest.raises(BusUnavailableError) as denied_group,
    ):
        poll(subscription)

    assert str(denied.value) == line(Right("topic", topic, "READ"))
    assert str(denied_group.value) == line(Right("group", group, "READ"))


@pytest.mark.parametrize("kind", ["client", "direct"])
def test_a_publisher_that_cannot_connect_says_why_at_once(
    kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wrong = {**by(Login("admin", SECRET)), "PUBLISHER": kind}
    settings = settings_of(environment(kafka, Listener.SASL_SSL, **wrong), monkeypatch)

    with closing(KafkaBus(settings).publisher("test")) as publisher:
        ends_at = time.monotonic() + 4  # the client itself takes 5 s to say nothing of use
        while "refuses the login" not in (said := str(publisher.healthy())):
            assert time.monotonic() < ends_at, said
            time.sleep(0.05)


WAITING = """
import time
from bus.kafka import KafkaBus, KafkaTuning
from bus.runtime.logs import configure_logs
from bus.runtime.settings import load_settings
configure_logs("debug", "json")
bus = KafkaBus(load_settings().kafka, KafkaTuning(bootstrap_timeout_s=2.0))
publisher = bus.publisher("test")
try:
    bus.admin()
finally:
    print(publisher.healthy())
    publisher.close(1)
"""


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"])
def test_no_secret_is_ever_said(
    kafka: KafkaCluster, token_endpoint: str, mechanism: str, tmp_path: Path
) -> None:
    """Neither in logs at debug nor in a traceback, an answer, or the settings shown."""
    login = {"SASL_MECHANISM": mechanism, "SASL_USERNAME": "alice", "SASL_PASSWORD": SECRET}
    if mechanism == "OAUTHBEARER":
        login = dict(granted(token_endpoint, f"{SECRET}!"))  # type: ignore[arg-type] # all are text
    given = environment(kafka, Listener.SASL_PLAINTEXT, **login)
    variables = {f"INFERBUS_KAFKA__{name}": str(value) for name, value in given.items()}
    run = {"cwd": tmp_path, "env": {**os.environ, **variables, "PYTHONPATH": str(ROOT)}}

    waiting = subprocess.run(
        [sys.executable, "-c", WAITING], capture_output=True, text=True, check=False, **run
    )
    shown = subprocess.run(
        [Path(sys.executable).with_name("inferbus"), "config", "show"],
        capture_output=True,
        text=True,
        check=False,
        **run,
    )

    said = waiting.stdout + waiting.stderr + shown.stdout + shown.stderr
    assert waiting.returncode == 1
    assert "BusUnavailableError" in said
    assert "INFERBUS_KAFKA__SASL_MECHANISM" in said
    for secret in (SECRET, base64.b64encode(f"us:{SECRET}!".encode()).decode()):
        assert secret not in said
