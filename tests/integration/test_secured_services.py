"""Real processes on a secured Kafka: each logs in as itself and may do what is documented only."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bus.kafka.preflight import rights_of
from bus.kafka.preflight.rights import Right, Service
from schemas.topics import TopicNames
from tests.faults.receiver import receiving
from tests.faults.services import ask
from tests.faults.system import Plan, System
from tests.support.kafka import (
    KafkaCluster,
    Listener,
    Login,
    Mechanism,
    unsigned_token,
)
from tests.support.kafka.ports import ReservedPorts

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(600),
    pytest.mark.needs("brokers"),
]
PATIENCE_S = 60.0
KAFKA = "INFERBUS_KAFKA__"
OPERATOR = Login("operator", "operator-pw", Mechanism.SCRAM_SHA_256)
INGEST = Login("ingest", "ingest-pw", Mechanism.SCRAM_SHA_512)
# Alerting is known by its certificate, storage by its token.
PRINCIPALS: dict[Service, str] = {
    "admin": OPERATOR.user,
    "ingest": INGEST.user,
    "storage": "storage",
    "alerting": "client",
}


@pytest.fixture(scope="module")
def kafka(secured_node: KafkaCluster) -> KafkaCluster:
    """The secured node, where two more users can log in."""
    secured_node.add_scram_users([OPERATOR, INGEST])
    return secured_node


def by_password(kafka: KafkaCluster, listener: Listener, login: Login) -> dict[str, str]:
    """Return the settings of a login."""
    given = {
        "BOOTSTRAP_SERVERS": kafka.servers(listener),
        "SECURITY_PROTOCOL": listener.protocol,
        "SASL_MECHANISM": login.mechanism.value,
        "SASL_USERNAME": login.user,
        "SASL_PASSWORD": login.password,
        "SSL_CAFILE": str(kafka.certificates.ca) if listener.uses_tls else "",
    }
    return named(given)


def named(given: dict[str, str]) -> dict[str, str]:
    """Return the settings by their full names."""
    return {f"{KAFKA}{name}": value for name, value in given.items() if value}


def ways(kafka: KafkaCluster, folder: Path) -> dict[Service, dict[str, str]]:
    """Return how each service reaches Kafka: four protocols, four ways to say who one is."""
    token = folder / "token"
    token.write_text(unsigned_token("storage"))
    files = kafka.certificates
    tls = {"SSL_CAFILE": str(files.ca)}
    by_token = tls | {
        "BOOTSTRAP_SERVERS": kafka.servers(Listener.SASL_SSL),
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "OAUTHBEARER",
        "OAUTH_TOKEN_FILE": str(token),
    }
    by_certificate = tls | {
        "BOOTSTRAP_SERVERS": kafka.servers(Listener.MTLS),
        "SECURITY_PROTOCOL": "SSL",
        "SSL_CERTFILE": str(files.client),
        "SSL_KEYFILE": str(files.client_key),
    }
    return {
        "admin": by_password(kafka, Listener.SASL_PLAINTEXT, OPERATOR),
        "ingest": by_password(kafka, Listener.SASL_SSL, INGEST),
        "storage": named(by_token),
        "alerting": named(by_certificate),
    }


class Secured:
    """A system whose processes log in, each as somebody else."""

    def __init__(self, kafka: KafkaCluster, folder: Path, undo: ExitStack) -> None:
        self.kafka = kafka
        receiver = undo.enter_context(receiving())
        ports = undo.enter_context(ReservedPorts())
        self.system = System(folder, "", receiver, Plan())
        self.names = TopicNames(self.system.prefix)
        self.ways = ways(kafka, folder)
        for service in ("ingest", "storage", "alerting"):
            process = self.system.add(service, service, ports, **self.ways[service])
            undo.callback(process.kill)

    def start(self) -> None:
        """Make topics, as the operator, and tables; start every service."""
        for command in (("topics", "create"), ("db", "upgrade"), ("topics", "check")):
            done = self.system.run(*command, **self.ways["admin"])
            assert done.returncode == 0, done.stderr
        self.system.start()

    def allow(self, service: Service, *, but: Right | None = None) -> None:
        """Give a service the rights that the documentation lists for it, without one perhaps."""
        for right in self.rights(service):
            if right != but:
                self.grant(service, right)

    def grant(self, service: Service, right: Right) -> None:
        """Give a service one right."""
        who, resource = PRINCIPALS[service], right.resource.upper()
        self.kafka.allow(who, right.operation, right.name, resource=resource)

    def rights(self, service: Service) -> tuple[Right, ...]:
        """Return the documented rights."""
        return rights_of(service, self.names, self.system.prefix)

    def post(self, request_id: str, status: str) -> dict[str, object]:
        """Deliver a result; return the answer."""
        body = {"request_id": request_id, "inference_status": {"status": status}}
        [url] = self.system.urls
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=30) as answer:  # noqa: S310 - ours
            receipt: dict[str, object] = json.load(answer)
        return receipt

    def wait_stored(self, *request_ids: str) -> None:
        """Return once the jobs are stored."""
        for request_id in request_ids:
            self.wait_for(lambda it=request_id: self.system.run("get", it).returncode == 0)

    def wait_for(self, is_so: Callable[[], object]) -> None:
        """Return once it is so."""
        ends_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < ends_at, self.system.logs()
            time.sleep(0.2)


@pytest.fixture
def secured(kafka: KafkaCluster, tmp_path: Path) -> Iterator[Secured]:
    """Nobody may do anything yet."""
    with ExitStack() as undo:
        yield Secured(kafka, tmp_path, undo)


def test_the_whole_line_works_with_exactly_the_documented_rights(secured: Secured) -> None:
    """Topics, deliveries, rows and alerts; no process complains about anything."""
    for service in PRINCIPALS:
        secured.allow(service)
    secured.start()

    answers = [secured.post("R1", "succeeded"), secured.post("R2", "failed")]

    assert [answer["status"] for answer in answers] == ["published", "published"]
    secured.wait_stored("R1", "R2")
    secured.wait_for(secured.system.receiver.told)
    said = b"".join(secured.system.logs().values())
    assert b"kafka_problem" not in said
    assert b"no right" not in said


def test_a_missing_right_is_named_by_the_service_that_lacks_it(secured: Secured) -> None:
    """In readiness and in the log; the delivery waits in the spool until the right is given."""
    lacking = Right("topic", secured.names.of("succeeded"), "WRITE")
    for service in PRINCIPALS:
        secured.allow(service, but=lacking if service == "ingest" else None)
    secured.start()
    line = f"no right to WRITE topic {lacking.name}: run kafka-acls.sh --add"

    answer = secured.post("R1", "succeeded")

    assert answer["status"] == "spooled"
    ingest = secured.system["ingest"]
    secured.wait_for(lambda: line in readiness(ingest.admin_url))
    assert line in ingest.log
    secured.grant("ingest", lacking)
    secured.wait_stored("R1")


def readiness(admin_url: str) -> str:
    """Return what `/readyz` says; with a spool a fault of Kafka leaves ingest ready."""
    status, said = ask(f"{admin_url}/readyz")
    assert status == 200
    return said
