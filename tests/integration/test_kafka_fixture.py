"""The tests' own Kafka: what other tests take for granted is true."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.kafka import (
    ADMIN,
    ALICE,
    CLIENT_KEY_PASSWORD,
    KAFKA_VERSION,
    KafkaCluster,
    KafkaFixtureError,
    KafkaStartError,
    KafkaUnavailableError,
    Listener,
    Login,
    Mechanism,
    ensure_jars,
)
from tests.support.kafka.distribution import SERVER
from tests.support.kafka.node import Node
from tests.support.kafka.prepare import ensure_distribution
from tests.support.kafka.template import copy_template, new_id
from tests.support.kafka.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
]

SASL_WAYS = [
    (listener, mechanism)
    for listener in (Listener.SASL_PLAINTEXT, Listener.SASL_SSL)
    for mechanism in Mechanism
]


@pytest.fixture(scope="module")
def kafka(secured_node: KafkaCluster) -> KafkaCluster:
    return secured_node


def send(settings: dict[str, Any], topic: str, value: bytes = b"hello") -> int:
    """Send one record and return its offset, or raise what the client says."""
    from kafka import KafkaProducer

    producer = KafkaProducer(
        **settings, enable_idempotence=False, bootstrap_timeout_ms=10_000, max_block_ms=1500
    )
    try:
        offset: int = producer.send(topic, value).get(10).offset
        return offset
    finally:
        producer.close(5)


def read(settings: dict[str, Any], topic: str) -> bytes:
    """Return the value of a topic's first record."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topic, **settings, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    try:
        value: bytes = next(consumer).value
        return value
    finally:
        consumer.close()


def test_a_killed_leader_is_followed_by_another(three_nodes: KafkaCluster) -> None:
    topic = three_nodes.fresh_topic()
    lost = three_nodes.wait_for_leader(topic)

    three_nodes.kill(lost)
    heir = three_nodes.wait_for_leader(topic, other_than=lost)
    send(three_nodes.client_settings(), topic, b"survives")
    three_nodes.restart(lost)

    assert heir != lost
    assert read(three_nodes.client_settings(), topic) == b"survives"


def test_a_frozen_leader_is_replaced_and_comes_back(three_nodes: KafkaCluster) -> None:
    topic = three_nodes.fresh_topic()
    frozen = three_nodes.wait_for_leader(topic)

    three_nodes.freeze(frozen)
    heir = three_nodes.wait_for_leader(topic, other_than=frozen)
    three_nodes.thaw(frozen)
    three_nodes.wait_for_nodes()

    assert heir != frozen


def test_a_record_comes_back(kafka: KafkaCluster) -> None:
    topic = kafka.fresh_topic()

    send(kafka.client_settings(), topic, b"there and back")

    assert read(kafka.client_settings(), topic) == b"there and back"


@pytest.mark.parametrize("listener", [Listener.PLAINTEXT, Listener.TLS])
def test_nameless_clients_may_do_everything(kafka: KafkaCluster, listener: Listener) -> None:
    topic = kafka.fresh_topic()

    assert send(kafka.client_settings(listener), topic) == 0


@pytest.mark.parametrize(("listener", "mechanism"), SASL_WAYS)
def test_sasl_connects_by_every_mechanism(
    kafka: KafkaCluster, listener: Listener, mechanism: Mechanism
) -> None:
    topic = kafka.fresh_topic()

    assert send(kafka.client_settings(listener, ADMIN.by(mechanism)), topic) == 0


def test_a_user_may_do_what_an_acl_allows(kafka: KafkaCluster) -> None:
    from kafka.errors import TopicAuthorizationFailedError

    topic = kafka.fresh_topic()
    settings = kafka.client_settings(Listener.SASL_SSL, ALICE)

    with pytest.raises(TopicAuthorizationFailedError):
        send(settings, topic)
    kafka.allow("alice", "WRITE", topic)

    assert send(settings, topic) == 0


def test_an_mtls_client_is_named_by_its_certificate(kafka: KafkaCluster) -> None:
    """With a key in clear or encrypted, and not at all without a certificate."""
    topic = kafka.fresh_topic()
    kafka.allow("client", "WRITE", topic)
    settings = kafka.client_settings(Listener.MTLS)
    encrypted = {
        "ssl_keyfile": str(kafka.certificates.client_key_encrypted),
        "ssl_password": CLIENT_KEY_PASSWORD,
    }

    assert send(settings, topic) == 0
    assert send(settings | encrypted, topic) == 1
    assert not connects(settings | {"ssl_certfile": None, "ssl_keyfile": None})


def test_tls_refuses_the_wrong_host_and_the_wrong_authority(kafka: KafkaCluster) -> None:
    wrong_host = kafka.client_settings(Listener.TLS_WRONG_HOST)
    foreign = {"ssl_cafile": str(kafka.certificates.foreign_ca)}

    assert not connects(wrong_host)
    assert connects(wrong_host | {"ssl_check_hostname": False})
    assert not connects(kafka.client_settings(Listener.TLS) | foreign)


def test_an_added_scram_user_logs_in(kafka: KafkaCluster) -> None:
    bob = Login("bob", "bob-pw", Mechanism.SCRAM_SHA_512)

    kafka.add_scram_user(bob)

    assert connects(kafka.client_settings(Listener.SASL_SSL, bob))


@pytest.mark.parametrize("listener", [Listener.CLOSED_PORT, Listener.UNRESOLVABLE])
def test_a_wrong_advertised_listener_answers_and_then_leads_nowhere(
    kafka: KafkaCluster, listener: Listener
) -> None:
    from kafka.errors import KafkaTimeoutError

    topic = kafka.fresh_topic()
    settings = kafka.client_settings(listener)

    assert connects(settings)
    with pytest.raises(KafkaTimeoutError):
        send(settings, topic)


def test_a_record_over_the_limit_is_refused_by_the_broker(kafka: KafkaCluster) -> None:
    from kafka.errors import MessageSizeTooLargeError

    topic = kafka.fresh_topic(config={"max.message.bytes": "2000"})

    with pytest.raises(MessageSizeTooLargeError):
        send(kafka.client_settings(), topic, bytes(3000))


def test_a_deleted_topic_is_gone(kafka: KafkaCluster) -> None:
    topic = kafka.fresh_topic()

    kafka.delete_topic(topic)

    with kafka.admin() as admin:
        assert topic not in admin.list_topics()


def test_a_shared_disk_is_never_filled(kafka: KafkaCluster) -> None:
    with pytest.raises(KafkaFixtureError, match="disk_mb"):
        kafka.fill_disk()


def test_no_cluster_sees_the_data_of_another_and_each_keeps_its_own(kafka: KafkaCluster) -> None:
    topic = kafka.fresh_topic()

    with KafkaCluster() as other:
        folder = other.nodes[1].folder
        kept = other.fresh_topic()
        send(other.client_settings(), kept, b"kept")
        other.stop(1)
        assert not other.nodes[1].is_running
        other.restart(1)
        with other.admin() as admin:
            assert topic not in admin.list_topics()
            assert other.cluster_id == admin.describe_cluster()["cluster_id"] != kafka.cluster_id
        assert read(other.client_settings(), kept) == b"kept"

    assert not folder.exists()


def test_a_data_folder_is_never_formatted_over(tmp_path: Path) -> None:
    distribution = ensure_distribution()
    copy_template(distribution, tmp_path / "data", 1, new_id())

    with pytest.raises(FileExistsError):
        copy_template(distribution, tmp_path / "data", 1, new_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_nodes_end_with_a_killed_test_run(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time; from tests.support.kafka.node import Node\n"
        "node = Node(1, ['/bin/sleep', '60'], pathlib.Path(sys.argv[1])); node.start()\n"
        "print(node.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.kill()

    wait_until(lambda: is_dead(pid), "the node to die", timeout_s=10)


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or only waits to be reaped by an idle init."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def fake_maven(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a mvn first on the path, and an empty cache in place of ours."""
    mvn = folder / "bin" / "mvn"
    mvn.parent.mkdir(exist_ok=True)
    mvn.write_text(f"#!/bin/sh -e\nfor arg; do out=${{arg#-DoutputDirectory=}}; done\n{script}\n")
    mvn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mvn.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("INFERBUS_TEST_KAFKA_JARS", str(folder / "cache"))


def test_a_broken_download_is_never_taken_for_a_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = f"kafka_2.13-{KAFKA_VERSION}.jar"
    fake_maven(tmp_path, f'mkdir "$out"; touch "$out/{jar}"; echo lost it; exit 1', monkeypatch)

    with pytest.raises(KafkaUnavailableError, match="lost it"):
        ensure_jars()

    assert not list((tmp_path / "cache").glob("**/*.jar"))


def test_jars_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = f"kafka_2.13-{KAFKA_VERSION}.jar"
    fake_maven(tmp_path, f'mkdir "$out"; touch "$out/{jar}"', monkeypatch)
    ensure_jars()
    fake_maven(tmp_path, "exit 1", monkeypatch)

    assert (ensure_jars() / jar).exists()


def test_a_node_that_cannot_start_quotes_its_log(tmp_path: Path) -> None:
    config = tmp_path / "server.properties"
    config.write_text("process.roles=nonsense\n")
    node = Node(1, ensure_distribution().command(SERVER, str(config)), tmp_path)
    node.start()

    with pytest.raises(KafkaStartError, match="nonsense"):
        node.wait_started(30)


def connects(settings: dict[str, Any]) -> bool:
    """Whether a client gets so far as to know the cluster."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaTimeoutError

    try:
        # kafka-python tells no refusal from a silence: it tries until time is up.
        KafkaAdminClient(**settings, bootstrap_timeout_ms=1500).close()
    except KafkaTimeoutError:
        return False
    return True
