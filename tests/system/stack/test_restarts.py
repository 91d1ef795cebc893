"""The stack under an operator's hands: what was acknowledged is stored, whatever is restarted."""

import threading
from typing import Self

import pytest
from addresses import Addresses
from compose import Stack
from deliveries import deliver, eventually, stored, wait_stored
from plans import full_form_only

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
SERVICES = ("ingest", "storage", "alerting")


def test_what_was_delivered_is_stored(stack: Stack, addresses: Addresses) -> None:
    """One row, with the model of the URL and exact money."""
    identity, _ = deliver(addresses)

    row = stored(stack, identity)

    assert (row["model"], row["cost_usd"]) == ("m/restart", "0.0001140000022132881")


def test_the_services_drain_and_restart(stack: Stack, addresses: Addresses) -> None:
    """SIGTERM ends each by itself with status 0; one that had to be killed would end with 137."""
    stack.compose("stop", *SERVICES)
    states = [stack.state(service)["State"] for service in SERVICES]
    stack.up(*SERVICES)

    assert [state["ExitCode"] for state in states] == [0, 0, 0]  # type: ignore[index] # JSON
    identity, _ = deliver(addresses)
    assert stored(stack, identity)["request_id"] == identity


def test_deliveries_survive_killed_services(stack: Stack, addresses: Addresses) -> None:
    """Each dies while deliveries come; the engine starts it again; what was answered is stored."""
    before = {service: stack.state(service)["RestartCount"] for service in SERVICES}
    with Sender(addresses) as sender:
        for service in SERVICES:
            sender.wait_for_more(5)
            # From inside: what the engine itself kills it does not restart. The shell dies too.
            with pytest.raises(AssertionError, match="137"):
                stack.exec(service, "sh", "-c", "kill -KILL -1; sleep 5")
            eventually(lambda name=service: _has_restarted(stack, name, before[name]))
        sender.wait_for_more(5)

    wait_stored(stack, sender.acknowledged)


def _has_restarted(stack: Stack, service: str, before: object) -> None:
    state = stack.state(service)
    assert state["RestartCount"] == before + 1  # type: ignore[operator] # a number
    assert state["State"]["Health"]["Status"] == "healthy"  # type: ignore[index] # JSON


class Sender:
    """Delivers one result after the other, in a thread of its own, until the block ends."""

    def __init__(self, addresses: Addresses) -> None:
        self.acknowledged: list[str] = []
        self._addresses = addresses
        self._thread = threading.Thread(target=self._send)
        self._ends = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def wait_for_more(self, count: int) -> None:
        """Return once that many more deliveries were acknowledged."""
        wanted = len(self.acknowledged) + count
        eventually(lambda: _require(len(self.acknowledged) >= wanted))

    def _send(self) -> None:
        while not self._ends.wait(0.05):
            try:
                self.acknowledged.append(deliver(self._addresses)[0])
            except (AssertionError, OSError):  # refused: the sender keeps it
                continue


def _require(condition: object) -> None:
    assert condition


@full_form_only  # the fault suite's F5 takes the whole cluster away, under load
def test_kafka_may_be_away(stack: Stack, addresses: Addresses) -> None:
    """Deliveries are taken by the spool, which outlives a killed ingest; Kafka gets them later."""
    stack.compose("kill", "--signal", "SIGKILL", "kafka")
    spooled = [deliver(addresses)[0] for _ in range(3)]
    stack.compose("kill", "--signal", "SIGKILL", "ingest")
    stack.compose("start", "ingest")
    spooled.append(eventually(lambda: deliver(addresses)[0]))
    stack.compose("start", "kafka")

    wait_stored(stack, spooled)


def test_the_same_volumes_serve_twice(stack: Stack, addresses: Addresses) -> None:
    """Taking the stack down and up again keeps topics, rows, blobs and the signing key."""
    identity, body = deliver(addresses, filler=1_000_000)
    stored(stack, identity)
    stack.down()
    stack.up()

    assert stack.inferbus("get", identity, "--raw") == body.decode()
    assert "made a signing key" not in stack.compose("logs", "--no-log-prefix", "init")
    later, _ = deliver(addresses)  # signed with the key from before
    assert stored(stack, later)["request_id"] == later


def test_books_balance(stack: Stack) -> None:
    """After all of the above nothing is missing between Kafka and the database."""
    assert "records" in stack.inferbus("audit")
