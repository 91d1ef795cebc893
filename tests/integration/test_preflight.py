"""Each fault between us and Kafka, provoked, gets its own word and its own line."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from bus.kafka import KafkaBus
from bus.kafka.preflight import (
    FAULTS,
    Problem,
    Right,
    Wanted,
    check_access,
    check_connection,
    check_shape,
)
from bus.kafka.preflight.part import PreflightPart
from bus.records import Record
from bus.runtime.settings import load_settings
from bus.runtime.settings_sections import KafkaSettings
from schemas.topics import TopicNames
from tests.support.kafka import (
    ALICE,
    CLIENT_KEY_PASSWORD,
    KafkaCluster,
    Listener,
    unsigned_token,
)
from tests.support.loopback import (
    full_listener,
    greet_and_hang_up,
    hang_up,
    loopback_server,
    say_nothing,
    speak_http,
    speak_smtp,
)
from tests.support.workers import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
]


@pytest.fixture(scope="module")
def kafka(secured_node: KafkaCluster) -> KafkaCluster:
    return secured_node


@dataclass
class Ground:
    """What a fault is provoked on: a cluster, a folder, servers that end with the test."""

    kafka: KafkaCluster
    folder: Path
    undo: ExitStack
    facts: dict[str, object] = field(default_factory=dict)

    def at(self, listener: Listener, protocol: str | None = None, **more: Any) -> KafkaSettings:
        """Return settings for a listener; by its own protocol unless said."""
        server = self.kafka.servers(listener)
        return self.address(server, protocol or listener.protocol, **more)

    def address(self, server: str, protocol: str = "PLAINTEXT", **more: Any) -> KafkaSettings:
        """Return settings for an address."""
        self.facts |= {"server": server, "port": server.rpartition(":")[2]}
        if protocol.endswith("SSL"):
            more = {"ssl_cafile": self.kafka.certificates.ca, **more}
        if protocol.startswith("SASL_"):
            more = {"sasl_mechanism": "PLAIN", **_LOGIN, **more}
        return KafkaSettings(bootstrap_servers=server, security_protocol=protocol, **more)  # type: ignore[arg-type] # the tests' words

    def stub(self, talk: Callable[[socket.socket], None], **more: Any) -> str:
        """Return the address of a server that is not Kafka."""
        return self.undo.enter_context(loopback_server(talk, **more))

    def file(self, name: str, text: str = "") -> Path:
        """Return a file, which messages name as {file}."""
        path = self.folder / name
        path.write_text(text)
        self.facts["file"] = path
        return path


@pytest.fixture
def ground(kafka: KafkaCluster, tmp_path: Path) -> Iterator[Ground]:
    """Return the ground; whatever is set up on it ends with the test."""
    with ExitStack() as undo:
        yield Ground(kafka, tmp_path, undo)


_LOGIN = {"sasl_username": "admin", "sasl_password": "admin-pw"}
_BOOTSTRAP = "correct INFERBUS_KAFKA__BOOTSTRAP_SERVERS"


def _refused(ground: Ground) -> KafkaSettings:
    return ground.address(f"127.0.0.1:{ground.kafka._ports[1].closed}")


def _unreachable(ground: Ground) -> KafkaSettings:
    try:
        socket.create_connection(("255.255.255.255", 9092), timeout=5).close()
    except OSError as error:
        ground.facts["why"] = error.strerror
    return ground.address("255.255.255.255:9092")


def _frozen(ground: Ground) -> KafkaSettings:
    ground.kafka.freeze(1)
    ground.undo.callback(ground.kafka.thaw, 1)
    return ground.at(Listener.PLAINTEXT)


def _dated(ground: Ground, begins: timedelta, ends: timedelta) -> KafkaSettings:
    now, ca = datetime.now(UTC), trustme.CA()
    leaf = ca.issue_cert("127.0.0.1", not_before=now + begins, not_after=now + ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    authority = ground.file("ca.pem", ca.cert_pem.bytes().decode())
    return ground.address(ground.stub(say_nothing, context=context), "SSL", ssl_cafile=authority)


def _strange_client(ground: Ground) -> KafkaSettings:
    pem = trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.bytes()
    pair = ground.file("stranger.pem", pem.decode())
    return ground.at(Listener.MTLS, ssl_certfile=pair)


def _no_common_cipher(ground: Ground) -> KafkaSettings:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")  # of no use with an ECDSA certificate
    return ground.address(ground.stub(hang_up, context=context), "SSL")


def _locked_key(ground: Ground) -> KafkaSettings:
    files = ground.kafka.certificates
    ground.facts["file"] = files.client
    return ground.at(
        Listener.MTLS,
        ssl_certfile=files.client,
        ssl_keyfile=files.client_key_encrypted,
        ssl_key_password=CLIENT_KEY_PASSWORD[::-1],
    )


def _token(ground: Ground, text: str) -> KafkaSettings:
    token = ground.file("token", text)
    return ground.at(Listener.SASL_SSL, sasl_mechanism="OAUTHBEARER", oauth_token_file=token)


def _advertising(ground: Ground, listener: Listener) -> KafkaSettings:
    ground.facts["closed"] = ground.kafka._ports[1].closed
    return ground.at(listener)


def _advertising_a_web_server(ground: Ground) -> KafkaSettings:
    ground.stub(speak_http, port=ground.kafka._ports[1].closed)
    return _advertising(ground, Listener.CLOSED_PORT)


@dataclass(frozen=True)
class Row:
    """A fault: its word, how it is provoked, the line that must come."""

    code: str
    provoke: Callable[[Ground], KafkaSettings]
    line: str
    step_s: float = 5.0


CONNECTION = [
    Row(
        "unresolved",
        lambda on: on.address("kafka.invalid:9092"),
        "{server}: the name kafka.invalid cannot be resolved: "
        + _BOOTSTRAP
        + " or this machine's DNS",
    ),
    Row(
        "refused",
        _refused,
        "{server}: connection refused, nothing listens there: start Kafka or " + _BOOTSTRAP,
    ),
    Row(
        "connect-timeout",
        lambda on: on.address(on.undo.enter_context(full_listener())),
        "{server}: no connection within 0.5 s: open the firewall for it or " + _BOOTSTRAP,
        step_s=0.5,
    ),
    Row(
        "unreachable",
        _unreachable,
        "{server}: cannot be reached ({why}): repair the network or " + _BOOTSTRAP,
    ),
    Row(
        "silent",
        _frozen,
        "{server}: takes connections but answers nothing within 0.5 s: the broker is frozen or"
        " overloaded, look at its log",
        step_s=0.5,
    ),
    Row(
        "web-server",
        lambda on: on.address(on.stub(speak_http)),
        "{server}: a web server answers there, not Kafka: " + _BOOTSTRAP,
        step_s=0.5,
    ),
    Row(
        "web-server",
        lambda on: on.address(on.stub(speak_http), "SSL"),
        "{server}: a web server answers there, not Kafka: " + _BOOTSTRAP,
        step_s=0.5,
    ),
    Row(
        "not-kafka",
        lambda on: on.address(on.stub(speak_smtp)),
        "{server}: something answers there that is not Kafka: " + _BOOTSTRAP,
    ),
    Row(
        "hung-up",
        lambda on: on.address(on.stub(hang_up)),
        "{server}: closes the connection without an answer: look at the broker's log for why",
    ),
    Row(
        "hung-up",
        lambda on: on.address(on.stub(greet_and_hang_up)),
        "{server}: closes the connection without an answer: look at the broker's log for why",
    ),
    Row(
        "hung-up",
        lambda on: on.address(on.stub(greet_and_hang_up), "SASL_PLAINTEXT"),
        "{server}: closes the connection without an answer: look at the broker's log for why",
    ),
    Row(
        "tls-wanted",
        lambda on: on.at(Listener.TLS, "PLAINTEXT"),
        "{server}: speaks TLS only: set INFERBUS_KAFKA__SECURITY_PROTOCOL=SSL or use a port"
        " without TLS",
    ),
    Row(
        "tls-wanted",
        lambda on: on.at(Listener.SASL_SSL, "SASL_PLAINTEXT"),
        "{server}: speaks TLS only: set INFERBUS_KAFKA__SECURITY_PROTOCOL=SASL_SSL or use a port"
        " without TLS",
    ),
    Row(
        "tls-not-wanted",
        lambda on: on.at(Listener.PLAINTEXT, "SSL"),
        "{server}: speaks no TLS: set INFERBUS_KAFKA__SECURITY_PROTOCOL=PLAINTEXT or use its TLS"
        " port",
    ),
    Row(
        "tls-not-wanted",
        lambda on: on.at(Listener.SASL_PLAINTEXT, "SASL_SSL"),
        "{server}: speaks no TLS: set INFERBUS_KAFKA__SECURITY_PROTOCOL=SASL_PLAINTEXT or use its"
        " TLS port",
    ),
    Row(
        "certificate-untrusted",
        lambda on: on.at(Listener.TLS, ssl_cafile=on.kafka.certificates.foreign_ca),
        "{server}: its certificate is not trusted (unable to get local issuer certificate): set"
        " INFERBUS_KAFKA__SSL_CAFILE to the certificate of the authority that issued it",
    ),
    Row(
        "certificate-name",
        lambda on: on.at(Listener.TLS_WRONG_HOST),
        "{server}: its certificate is for other.example, not for 127.0.0.1: connect by a name it"
        " holds or have 127.0.0.1 added to it",
    ),
    Row(
        "certificate-expired",
        lambda on: _dated(on, timedelta(days=-9), timedelta(days=-1)),
        "{server}: its certificate has expired: have it renewed on the broker, or set this"
        " machine's clock right",
    ),
    Row(
        "certificate-early",
        lambda on: _dated(on, timedelta(days=1), timedelta(days=9)),
        "{server}: its certificate is not valid yet: set this machine's clock right",
    ),
    Row(
        "client-certificate-missing",
        lambda on: on.at(Listener.MTLS),
        "{server}: wants a client certificate: set INFERBUS_KAFKA__SSL_CERTFILE and"
        " INFERBUS_KAFKA__SSL_KEYFILE",
    ),
    Row(
        "client-certificate-refused",
        _strange_client,
        "{server}: refuses the client certificate {file}: have it issued by an authority that the"
        " broker trusts",
    ),
    Row(
        "ca-file",
        lambda on: on.at(Listener.TLS, ssl_cafile=on.file("truststore.jks", "no PEM")),
        "INFERBUS_KAFKA__SSL_CAFILE: {file} holds no certificate in PEM form: convert or replace"
        " it",
    ),
    Row(
        "client-key",
        _locked_key,
        "INFERBUS_KAFKA__SSL_CERTFILE: {file} and its key cannot be used: give PEM files that"
        " belong together, and INFERBUS_KAFKA__SSL_KEY_PASSWORD where the key is encrypted",
    ),
    Row(
        "tls-failed",
        _no_common_cipher,
        "{server}: the TLS handshake failed (sslv3 alert handshake failure): let the broker offer"
        " TLS 1.2 or newer with ciphers this machine has; where it wants a client certificate,"
        " set INFERBUS_KAFKA__SSL_CERTFILE",
    ),
    Row(
        "login-wanted",
        lambda on: on.at(Listener.SASL_FEW, "PLAINTEXT"),
        "{server}: wants a login (PLAIN, SCRAM-SHA-512): set"
        " INFERBUS_KAFKA__SECURITY_PROTOCOL=SASL_PLAINTEXT, INFERBUS_KAFKA__SASL_MECHANISM,"
        " INFERBUS_KAFKA__SASL_USERNAME and INFERBUS_KAFKA__SASL_PASSWORD",
    ),
    Row(
        "login-not-wanted",
        lambda on: on.at(Listener.TLS, "SASL_SSL"),
        "{server}: takes no login: set INFERBUS_KAFKA__SECURITY_PROTOCOL=SSL or use its SASL port",
    ),
    Row(
        "mechanism-not-offered",
        lambda on: on.at(Listener.SASL_FEW, sasl_mechanism="SCRAM-SHA-256"),
        "{server}: does not offer SCRAM-SHA-256: set INFERBUS_KAFKA__SASL_MECHANISM to PLAIN,"
        " SCRAM-SHA-512",
    ),
    Row(
        "login-refused",
        lambda on: on.at(Listener.SASL_SSL, sasl_password="hunter2"),
        "{server}: refuses the login of admin by PLAIN: check INFERBUS_KAFKA__SASL_USERNAME and"
        " INFERBUS_KAFKA__SASL_PASSWORD",
    ),
    Row(
        "login-refused",
        lambda on: on.at(
            Listener.SASL_SSL, sasl_mechanism="SCRAM-SHA-512", sasl_password="hunter2"
        ),
        "{server}: refuses the login of admin by SCRAM-SHA-512: check"
        " INFERBUS_KAFKA__SASL_USERNAME and INFERBUS_KAFKA__SASL_PASSWORD",
    ),
    Row(
        "token-refused",
        lambda on: _token(on, "not.a.token"),
        "{server}: refuses the token: check that it is not expired and that its issuer, audience"
        " and scope are those the broker wants",
    ),
    Row(
        "token-unavailable",
        lambda on: _token(on, ""),
        "no token to log in with, {file}: is empty: check the settings INFERBUS_KAFKA__OAUTH_*",
    ),
    Row(
        "advertised-unresolved",
        lambda on: _advertising(on, Listener.UNRESOLVABLE),
        "{server}: answers, but calls broker 1 kafka.invalid:9092, a name that cannot be resolved"
        " here: set the broker's advertised.listeners to a name that clients know",
    ),
    Row(
        "advertised-unreachable",
        lambda on: _advertising(on, Listener.CLOSED_PORT),
        "{server}: answers, but calls broker 1 127.0.0.1:{closed}, where no connection can be"
        " made: set the broker's advertised.listeners to an address that clients reach",
    ),
    Row(
        "advertised-wrong",
        _advertising_a_web_server,
        "{server}: answers, but calls broker 1 127.0.0.1:{closed}, which fails:"
        " 127.0.0.1:{closed}: a web server answers there, not Kafka: " + _BOOTSTRAP,
        step_s=0.5,
    ),
]


@pytest.mark.parametrize("row", CONNECTION, ids=lambda row: row.code)
def test_a_fault_of_the_connection_has_its_line(ground: Ground, row: Row) -> None:
    settings = row.provoke(ground)

    (found,) = check_connection(settings, row.step_s)

    assert (found.code, found.message) == (row.code, row.line.format(**ground.facts))


def test_nothing_is_wrong_where_nothing_is_wrong(ground: Ground) -> None:
    files = ground.kafka.certificates
    unlocked = {
        "ssl_certfile": files.client,
        "ssl_keyfile": files.client_key_encrypted,
        "ssl_key_password": CLIENT_KEY_PASSWORD,
    }

    assert check_connection(ground.at(Listener.PLAINTEXT)) == []
    assert check_connection(ground.at(Listener.TLS)) == []
    assert check_connection(ground.at(Listener.MTLS, **unlocked)) == []
    assert check_connection(ground.at(Listener.SASL_PLAINTEXT)) == []
    assert check_connection(_token(ground, unsigned_token("alice"))) == []


def test_each_bootstrap_server_is_judged_by_itself(ground: Ground) -> None:
    good, bad = ground.kafka.bootstrap_servers, _refused(ground).bootstrap_servers

    (found,) = check_connection(ground.address(f"{good},{bad}"))

    assert (found.code, found.server) == ("refused", bad)


def test_a_wrong_file_is_told_once_whatever_the_number_of_servers(ground: Ground) -> None:
    server = ground.kafka.servers(Listener.TLS)
    settings = ground.address(f"{server},{server}", "SSL", ssl_cafile=ground.file("ca", "no PEM"))

    assert [found.code for found in check_connection(settings)] == ["ca-file"]


def alice(ground: Ground) -> KafkaSettings:
    """Return the settings of a user who may do what an ACL allows."""
    login = {"sasl_username": ALICE.user, "sasl_password": ALICE.password}
    return ground.at(Listener.SASL_PLAINTEXT, **login)


def _no_topic(ground: Ground) -> list[Problem]:
    ground.facts["topic"] = "test-nowhere"
    rights = [Right("topic", "test-nowhere", "READ")]
    return check_access(ground.at(Listener.PLAINTEXT), rights)


def _no_right(ground: Ground) -> list[Problem]:
    topic = ground.facts["topic"] = ground.kafka.fresh_topic()
    ground.kafka.allow("alice", "READ", topic)
    rights = [Right("topic", topic, "READ"), Right("topic", topic, "WRITE")]
    return check_access(alice(ground), rights)


def _no_right_on_group(ground: Ground) -> list[Problem]:
    return check_access(alice(ground), [Right("group", "test-readers", "READ")])


def _shape(ground: Ground, replicas: int | None = None, **config: str) -> list[Problem]:
    config = {name.replace("_", "."): value for name, value in config.items()}
    topic = ground.facts["topic"] = ground.kafka.fresh_topic(config=config)
    return check_shape(ground.at(Listener.PLAINTEXT), [Wanted(topic, 1_000_000, replicas)])


def _too_few_brokers(ground: Ground) -> list[Problem]:
    return check_shape(ground.at(Listener.PLAINTEXT), [Wanted("test-nowhere", 1_000_000, 3)])


def _too_few_replicas(ground: Ground) -> list[Problem]:
    found = _shape(ground, replicas=3)
    return [problem for problem in found if problem.code != "brokers-few"]


@dataclass(frozen=True)
class TopicRow:
    """A fault of topics or rights: its word, how it is provoked, the line that must come."""

    code: str
    provoke: Callable[[Ground], list[Problem]]
    line: str


TOPICS = [
    TopicRow(
        "topic-missing",
        _no_topic,
        "topic {topic} does not exist: run `inferbus topics create`",
    ),
    TopicRow(
        "right-missing",
        _no_right,
        "no right to WRITE topic {topic}: run kafka-acls.sh --add --allow-principal User:alice"
        " --operation WRITE --topic {topic}",
    ),
    TopicRow(
        "right-missing",
        _no_right_on_group,
        "no right to READ group test-readers: run kafka-acls.sh --add --allow-principal"
        " User:alice --operation READ --group test-readers",
    ),
    TopicRow(
        "brokers-few",
        _too_few_brokers,
        "3 replicas are wanted, the cluster has 1 broker(s): add brokers or set"
        " INFERBUS_TOPICS__REPLICATION_FACTOR=1",
    ),
    TopicRow(
        "replicas-few",
        _too_few_replicas,
        "topic {topic} has 1 replica(s), 3 are wanted: add replicas with"
        " kafka-reassign-partitions.sh or set INFERBUS_TOPICS__REPLICATION_FACTOR=1",
    ),
    TopicRow(
        "insync-few",
        lambda on: _shape(on, min_insync_replicas="2"),
        "topic {topic} has 1 replica(s) in sync, its min.insync.replicas is 2: bring brokers back"
        " or lower min.insync.replicas; until then Kafka refuses every record",
    ),
    TopicRow(
        "limit-small",
        lambda on: _shape(on, max_message_bytes="1000"),
        "topic {topic} takes records up to 1000 bytes, ours reach 1000000: raise its"
        " max.message.bytes to 1000000 or lower INFERBUS_INGEST__INLINE_LIMIT_BYTES",
    ),
]


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.code)
def test_a_fault_of_topics_or_rights_has_its_line(ground: Ground, row: TopicRow) -> None:
    (found,) = row.provoke(ground)

    assert (found.code, found.message) == (row.code, row.line.format(**ground.facts))


def test_topics_and_rights_are_fine_where_they_are_fine(ground: Ground) -> None:
    topic = ground.kafka.fresh_topic()
    ground.kafka.allow("alice", "READ", topic)
    ground.kafka.allow("alice", "READ", "test-members", resource="GROUP")
    rights = [Right("topic", topic, "READ"), Right("group", "test-members", "READ")]

    assert check_access(alice(ground), rights) == []
    assert check_access(alice(ground), []) == []
    assert check_shape(ground.at(Listener.PLAINTEXT), [Wanted(topic, 1_000_000, 1)]) == []


def test_where_kafka_is_away_that_is_the_one_problem_of_its_topics(ground: Ground) -> None:
    away = _refused(ground)

    (access,) = check_access(away, [Right("topic", "t", "READ"), Right("group", "g", "READ")])
    (shape,) = check_shape(away, [Wanted("t", 1, 1), Wanted("u", 1, 1)])

    assert (access.code, shape.code) == ("refused", "refused")


def inferbus(settings: KafkaSettings, folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the command; return its status and the lines it wrote to stderr."""
    given = {"SECURITY_PROTOCOL": settings.security_protocol}
    given["BOOTSTRAP_SERVERS"] = settings.bootstrap_servers
    environment = {f"INFERBUS_KAFKA__{name}": value for name, value in given.items()}
    ran = subprocess.run(
        [Path(sys.executable).with_name("inferbus"), *arguments],
        cwd=folder,
        env={**os.environ, **environment, "INFERBUS_TOPICS__PREFIX": "test-checked"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stderr.strip().splitlines()


def test_topics_check_says_what_is_wrong_with_the_connection(ground: Ground) -> None:
    status, lines = inferbus(ground.at(Listener.TLS, "PLAINTEXT"), ground.folder, "topics", "check")

    assert (status, len(lines)) == (1, 1)
    assert "speaks TLS only" in lines[0]


def test_topics_check_names_each_missing_topic_until_they_are_made(ground: Ground) -> None:
    settings = ground.at(Listener.PLAINTEXT)

    status, lines = inferbus(settings, ground.folder, "topics", "check")
    assert status == 1
    assert [line.split("topic ")[1] for line in lines] == [
        f"{name} does not exist: run `inferbus topics create`"
        for name in TopicNames("test-checked").all
    ]

    assert inferbus(settings, ground.folder, "topics", "create")[0] == 0
    assert inferbus(settings, ground.folder, "topics", "check")[0] == 0


async def test_a_service_says_at_its_start_what_keeps_it_from_kafka(ground: Ground) -> None:
    settings = load_settings(kafka=_refused(ground).model_dump(exclude_unset=True))
    part = PreflightPart("storage", settings)

    with capture_logs() as logs:
        await part.start()
        await asyncio.to_thread(part._thread.join, 10)

    assert [(line["event"], line["code"]) for line in logs] == [("kafka_problem", "refused")]


async def test_a_service_says_at_its_start_which_right_it_lacks(ground: Ground) -> None:
    names = TopicNames("test-started")
    for name in names.all:
        ground.kafka.create_topic(name)
        if name in names.stored:
            ground.kafka.allow("alice", "READ", name)
    ground.kafka.allow("alice", "READ", "inferbus-storage", resource="GROUP")
    given = alice(ground).model_dump(exclude_unset=True)
    part = PreflightPart("storage", load_settings(kafka=given, topics={"prefix": names.prefix}))

    with capture_logs() as logs:
        await part.start()
        await asyncio.to_thread(part._thread.join, 10)

    (line,) = logs
    assert line["reason"].startswith("no right to WRITE topic test-started.deadletter: ")


def test_a_publisher_whose_broker_freezes_says_so(ground: Ground) -> None:
    topic = ground.kafka.fresh_topic()
    with closing(KafkaBus(ground.at(Listener.PLAINTEXT)).publisher("test")) as publisher:
        publisher.submit(Record(topic, None, b"before")).result(10)
        assert publisher.healthy() is None

        ground.kafka.freeze(1)
        ground.undo.callback(ground.kafka.thaw, 1)
        publisher.submit(Record(topic, None, b"during"))
        said = "takes connections but answers nothing"
        wait_until(lambda: said in str(publisher.healthy()), publisher.healthy)

        ground.kafka.thaw(1)
        wait_until(lambda: publisher.healthy() is None, publisher.healthy)


def test_every_line_of_the_register_is_provoked_above() -> None:
    """Whoever adds a fault adds the row that proves it."""
    assert {row.code for row in [*CONNECTION, *TOPICS]} == set(FAULTS)
