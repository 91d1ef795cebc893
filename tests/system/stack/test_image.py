"""The image by itself, whatever compose adds to it."""

import contextlib
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from compose import ROOT, Stack, Stacks, docker, free_ports
from deliveries import eventually
from plans import full_form_only
from stranger import request_id, signed_path, succeeded_body

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
KEY = "k1:" + "5" * 64


@pytest.fixture
def image(stacks: Stacks) -> str:
    """The name of the service image."""
    return stacks.images.service


def test_it_adds_less_than_250_mb_to_its_base(image: str) -> None:
    """The layers of our Dockerfile, newest first, down to the base's own."""
    history = docker("history", "--human=false", "--no-trunc", "--format", "{{json .}}", image)
    added = 0
    for layer in map(json.loads, history.splitlines()):
        added += int(layer["Size"])
        if "groupadd --gid 10001" in layer["CreatedBy"]:
            break
    else:
        raise AssertionError("the image was not built by our Dockerfile")

    print(f"the image adds {added / 1e6:.0f} MB to its base")  # noqa: T201 - with pytest -s
    assert 10_000_000 < added < 250_000_000


def test_it_holds_what_the_lock_file_says(image: str) -> None:
    """Each distribution in it is locked, with that version; nothing else is there but ours."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, flags=re.MULTILINE))
    script = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.metadata['Name'].lower().replace('_', '-'), d.version)"
    )
    printed = docker("run", "--rm", "--entrypoint", "python", image, "-c", script)
    installed = dict(line.split() for line in printed.splitlines())

    assert installed.pop("inferbus")
    assert installed.items() <= locked.items()
    assert "kafka-python" in installed


@full_form_only  # builds the image a second time
def test_two_builds_hold_the_same_bytes(stacks: Stacks, image: str) -> None:
    """From the same sources and the same lock file: names, rights and contents of all we add."""
    again = f"{image}-again"
    stacks.images.build_one(again, "Dockerfile", "--no-cache")
    try:
        assert contents(again) == contents(image)
    finally:
        docker("image", "rm", "--force", again)


def contents(image: str) -> list[str]:
    """Return owner, rights, hash and name of every file that the image adds."""
    script = (
        "cd / && find opt/inferbus usr/local/bin/inferbus-init data -printf '%u %m %y %p %l\\n';"
        " find opt/inferbus usr/local/bin/inferbus-init -type f -exec sha256sum {} +"
    )
    return sorted(docker("run", "--rm", "--entrypoint", "sh", image, "-c", script).splitlines())


def test_it_names_no_root_and_writes_nothing_outside_its_volumes(stack: Stack, image: str) -> None:
    """An ordinary user, also where compose does not say so; the root file system is read-only."""
    assert json.loads(docker("image", "inspect", image))[0]["Config"]["User"] == "10001:10001"
    assert stack.exec("ingest", "id", "-u").strip() == "10001"
    assert stack.state("ingest")["HostConfig"]["ReadonlyRootfs"]  # type: ignore[index] # JSON
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.exec("ingest", "touch", "/opt/inferbus/written")


def test_each_service_is_healthy_by_the_images_own_check(stack: Stack) -> None:
    """One check for all: it finds out which service the container runs, first process or not."""
    settings = ["--env", "INFERBUS_STORAGE__URL=sqlite:////data/own.db"]
    with container(stack, *settings, command=["storage"]) as name:
        docker("exec", name, "inferbus", "db", "upgrade")
        eventually(lambda: require_health(name, "healthy"))
        docker("stop", "--time", "25", name)

        assert exit_code(name) == 0


def test_as_process_1_it_answers_what_has_begun_to_arrive(stack: Stack) -> None:
    """SIGTERM half-way through a body: the rest is read, kept and answered, then it ends with 0."""
    port, admin = free_ports(("service", "admin")).values()
    published = ["-p", f"127.0.0.1:{port}:8080", "-p", f"127.0.0.1:{admin}:8081"]
    body = succeeded_body(request_id(), filler=10_000)
    with container(stack, *published, command=["ingest"]) as name:
        eventually(lambda: require_health(name, "healthy"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
            sender.sendall(head(len(body)) + body[:5_000])
            eventually(lambda: require_inflight(admin, 1))
            docker("kill", "--signal", "TERM", name)
            eventually(lambda: require_stopping(admin))
            sender.sendall(body[5_000:])
            answer = sender.makefile("rb").read()
        docker("wait", name)

        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == "published"
        assert exit_code(name) == 0


@contextlib.contextmanager
def container(stack: Stack, *options: str, command: list[str]) -> Iterator[str]:
    """Run the image in the stack's network: no init program, root read-only, volumes of its own."""
    settings = {
        "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": "kafka:19092",
        "INFERBUS_KAFKA__GROUP_PREFIX": "image",
        "INFERBUS_INGEST__SIGNING_KEYS": KEY,
        "INFERBUS_INGEST__HOST": "0.0.0.0",
        "INFERBUS_INGEST__ADMIN_HOST": "0.0.0.0",
    }
    environment = [part for pair in settings.items() for part in ("--env", "=".join(pair))]
    # Asked more often than the image says: the tests wait for its answers.
    limits = ["--health-interval", "1s", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]  # noqa: S108 - inside
    network = ["--network", f"{stack.project}_default"]
    run = ["run", "--detach", *limits, *network, *environment, *options]
    name = docker(*run, stack.images.service, *command).strip()
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def head(length: int) -> bytes:
    """Return the head of a delivery."""
    path = signed_path(KEY, "m/image")
    lines = [f"POST {path} HTTP/1.1", "Host: ingest", "Connection: close"]
    lines += ["Content-Type: application/json", f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


def require_health(name: str, wanted: str) -> None:
    """Raise unless the engine calls the container that."""
    state = json.loads(docker("inspect", name))[0]["State"]
    assert state["Health"]["Status"] == wanted, state


def require_inflight(port: int, count: int) -> None:
    """Raise unless that many deliveries are under way."""
    assert f"\ninferbus_inflight {count}.0\n" in ask(port, "metrics")


def require_stopping(port: int) -> None:
    """Raise unless the service has begun to stop."""
    assert "stopping" in ask(port, "readyz")


def ask(port: int, path: str) -> str:
    """Return what the admin port answers, whatever the status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def exit_code(name: str) -> int:
    """Return how the container's process ended."""
    return int(json.loads(docker("inspect", name))[0]["State"]["ExitCode"])
