"""The stack under an operator's hands: what was acknowledged is stored, whatever is restarted."""

import json
import subprocess
import time

import pytest
from addresses import Addresses
from compose import Stack
from stranger import post, request_id, signed_path, succeeded_body

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def deliver(addresses: Addresses, identity: str, *, filler: int = 0) -> bytes:
    """Deliver once and expect it published."""
    body = succeeded_body(identity, filler=filler)
    status, answer = post(addresses.ingest + signed_path(addresses.signing_key, "m/restart"), body)
    assert status == 200, answer
    return body


def stored(stack: Stack, identity: str, timeout_s: float = 60) -> dict[str, object]:
    """Return the stored row, waiting for it."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return json.loads(stack.inferbus("get", identity, "--json"))
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_the_stack_runs_as_an_ordinary_user_on_a_read_only_root(stack: Stack) -> None:
    """Neither root nor a writable root file system is needed."""
    identity = stack.compose("exec", "--no-TTY", "ingest", "id", "-u")

    assert identity.strip() == "10001"
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.compose("exec", "--no-TTY", "ingest", "touch", "/opt/inferbus/written")


def test_what_was_delivered_is_stored(stack: Stack, addresses: Addresses) -> None:
    """One row, with the model of the URL and exact money."""
    identity = request_id()
    deliver(addresses, identity)

    row = stored(stack, identity)

    assert (row["model"], row["cost_usd"]) == ("m/restart", "0.0001140000022132881")


def test_a_killed_storage_catches_up(stack: Stack, addresses: Addresses) -> None:
    """Deliveries go on while storage is dead; once it is back it stores them."""
    stack.compose("kill", "--signal", "SIGKILL", "storage")
    identity = request_id()
    deliver(addresses, identity)
    stack.compose("up", "--detach", "--wait", "storage")

    assert identity == stored(stack, identity)["request_id"]


@pytest.mark.parametrize("service", ["ingest", "storage", "alerting"])
def test_a_service_drains_and_restarts(stack: Stack, addresses: Addresses, service: str) -> None:
    """SIGTERM ends each service by itself, well before it would be killed, with status 0."""
    started = time.monotonic()
    stack.compose("stop", "--timeout", "25", service)
    took_s = time.monotonic() - started
    state = json.loads(stack.compose("ps", "--all", "--format", "json", service).splitlines()[0])
    stack.compose("up", "--detach", "--wait", service)

    assert state["ExitCode"] == 0
    assert took_s < 22
    identity = request_id()
    deliver(addresses, identity)
    assert identity == stored(stack, identity)["request_id"]


def test_kafka_may_restart(stack: Stack, addresses: Addresses) -> None:
    """After a broker restart deliveries are published again and what was stored is there."""
    before = request_id()
    deliver(addresses, before)
    stack.compose("restart", "kafka")
    stack.compose("up", "--detach", "--wait", "kafka", "ingest", "storage")

    after = request_id()
    deadline = time.monotonic() + 60
    while True:
        try:
            deliver(addresses, after)
            break
        except AssertionError:
            assert time.monotonic() < deadline
            time.sleep(1)

    assert before == stored(stack, before)["request_id"]
    assert after == stored(stack, after)["request_id"]


def test_the_same_volumes_serve_twice(stack: Stack, addresses: Addresses) -> None:
    """Taking the stack down and up again keeps topics, rows, blobs and the signing key."""
    identity = request_id()
    body = deliver(addresses, identity, filler=1_000_000)
    stored(stack, identity)
    stack.down(and_forget=False)
    stack.up()

    raw = stack.inferbus("get", identity, "--raw")

    assert body.decode() == raw
    deliver(addresses, request_id())  # signed with the key from before


def test_books_balance(stack: Stack) -> None:
    """After all of the above nothing is missing between Kafka and the database."""
    stack.inferbus("audit")


def test_the_pipeline_works_inside_the_network_too(stack: Stack) -> None:
    """The same tests from a container; their exit code is kept."""
    printed = stack.compose("--profile", "test", "run", "--rm", "--no-TTY", "tests")

    assert "passed" in printed


def test_the_image_is_small_and_names_no_root(stack: Stack) -> None:
    """Under 250 MB over its base, and not root even where compose does not say so."""
    image = f"{stack.project}:local"
    inspected = json.loads(
        subprocess.run(
            ["docker", "image", "inspect", image], capture_output=True, text=True, check=True
        ).stdout
    )[0]
    base = inspected["Size"] - _added_bytes(image)

    assert inspected["Config"]["User"].startswith("10001")
    assert inspected["Size"] - base < 250_000_000


def _added_bytes(image: str) -> int:
    """Sum the layers that our Dockerfile added, newest first, down to the base's own."""
    lines = subprocess.run(
        [
            "docker",
            "history",
            "--human=false",
            "--no-trunc",
            "--format",
            "{{.Size}}\t{{.CreatedBy}}",
            image,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    ours = []
    for line in lines:
        size, made_by = line.split("\t", 1)
        ours.append(int(size))
        if "groupadd --gid 10001" in made_by:
            return sum(ours)
    raise AssertionError("the image was not built by our Dockerfile")
