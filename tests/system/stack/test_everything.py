"""Three brokers, PostgreSQL and the simulator: the profiles cluster, postgres and demo."""

import json

import psycopg
import pytest
from compose import Stack
from confluent_kafka.admin import AdminClient
from deliveries import deliver, eventually, wait_stored
from plans import PASSWORD, full_form_only
from stranger import read_with_kafka_python, read_with_librdkafka

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


def select(stack: Stack, query: str) -> list[tuple[object, ...]]:
    """Ask the database through its published port, with a stranger's client."""
    where = {"host": "127.0.0.1", "port": stack.ports["POSTGRES_PORT"], "dbname": "inferbus"}
    login = {"user": "inferbus", "password": PASSWORD}
    with psycopg.connect(**where, **login) as connection:  # type: ignore[arg-type] # mixed values
        return connection.execute(query).fetchall()  # type: ignore[call-overload] # our own text


def simulated(stack: Stack) -> int:
    """Return how many jobs of the simulator are stored."""
    [(count,)] = select(stack, "SELECT count(*) FROM events WHERE model = 'demo/model'")
    return int(str(count))


def wait_for_more(stack: Stack) -> None:
    """Return once the simulator's jobs reach the database, whatever was done to them before."""
    before = simulated(stack)

    def grown() -> None:
        assert simulated(stack) > before

    eventually(grown)


def test_every_topic_has_three_copies(everything: Stack) -> None:
    """Replication 3 and two in sync, as three brokers deserve, without a setting."""
    everything.inferbus("topics", "check")
    admin = AdminClient({"bootstrap.servers": everything.addresses.kafka})
    topics = admin.list_topics(timeout=20).topics

    copies = {
        name: {len(partition.replicas) for partition in topic.partitions.values()}
        for name, topic in topics.items()
        if name.startswith("inference.")
    }
    assert len(copies) == 6
    assert set(map(frozenset, copies.values())) == {frozenset({3})}
    assert len(topics["__consumer_offsets"].partitions[0].replicas) == 3


def test_the_simulator_fills_the_database(everything: Stack) -> None:
    """Its jobs arrive by themselves, failures among them."""
    wait_for_more(everything)

    def both() -> None:
        found = select(everything, "SELECT DISTINCT outcome FROM events")
        assert {"succeeded", "failed"} <= {str(outcome) for (outcome,) in found}

    eventually(both)


def test_a_killed_broker_stops_nobody(everything: Stack) -> None:
    """Deliveries are published by the two others and stored; the third catches up later."""
    everything.compose("kill", "--signal", "SIGKILL", "kafka-2")
    delivered = [deliver(everything.addresses)[0] for _ in range(3)]
    wait_for_more(everything)
    wait_stored(everything, delivered)
    everything.compose("start", "kafka-2")

    eventually(lambda: everything.inferbus("topics", "check"))


@full_form_only  # the fault suite's F23 kills PostgreSQL under load
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_postgresql_may_restart(everything: Stack, end: str) -> None:
    """Storage and alerting wait for it, lose nothing and need no hand."""
    everything.compose(end, "postgres")
    delivered = [deliver(everything.addresses)[0] for _ in range(3)]
    everything.up("postgres")

    wait_stored(everything, delivered)
    wait_for_more(everything)
    # A check that failed while PostgreSQL was away counts until the next one.
    eventually(lambda: everything.up("storage", "alerting"))


@pytest.mark.parametrize("read", [read_with_kafka_python, read_with_librdkafka])
def test_a_stranger_reads_from_three_brokers(everything: Stack, read: object) -> None:
    """From the host, by the address that each broker advertises there."""
    rows = select(everything, "SELECT event_id, topic, partition_no, offset_no FROM events LIMIT 1")
    [(event_id, topic, partition, offset)] = rows

    headers, _value = read(everything.addresses.kafka, topic, partition, offset)  # type: ignore[operator] # a reader

    assert headers["ce_id"] == event_id


def test_the_pipeline_works_inside_the_network_too(everything: Stack) -> None:
    """The profile test: the same tests from a container, and their exit code is kept."""
    run = ["--profile", "test", "run", "--rm", "--no-TTY"]

    assert " passed" in everything.compose(*run, "tests")
    with pytest.raises(AssertionError, match=r"tests -k no-such-test: 5\n"):
        everything.compose(*run, "--no-deps", "tests", "-k", "no-such-test")


def test_books_balance(everything: Stack) -> None:
    """Once the simulator is silent: every record is a row, and the tables are as they should be."""
    everything.compose("stop", "simulator")

    audit = json.loads(everything.inferbus("audit", "--json"))

    assert audit["differences"] == []
    assert simulated(everything) > 0
    everything.inferbus("db", "check")
