"""The compose stack as the host drives it: build, up, exec, kill, down."""

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from addresses import Addresses

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SIGNING_KEY = "/data/secrets/INFERBUS_INGEST__SIGNING_KEYS"
_PORTS = (
    *("KAFKA_PORT", "KAFKA_2_PORT", "KAFKA_3_PORT", "POSTGRES_PORT"),
    *("INGEST_PORT", "INGEST_ADMIN_PORT", "STORAGE_ADMIN_PORT", "ALERTING_ADMIN_PORT"),
    *("PROMETHEUS_PORT", "ALERTMANAGER_PORT"),
)

# Several processes may look for ports at the same time: 4,000 for each.
_FIRST_PORT, _PORTS_EACH = 15_000, 4_000


def _ports_of_this_process() -> range:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST_PORT + number * _PORTS_EACH
    return range(first, first + _PORTS_EACH)


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """
    Return a loopback port for each, all different and free a moment ago.

    Below those that the kernel gives to whoever connects somewhere: the images take a minute to
    build, and a container whose port is gone by then is never started.
    """
    with contextlib.ExitStack() as held:
        return {name: _hold_port(held) for name in names}


def _hold_port(held: contextlib.ExitStack) -> int:
    while True:
        with contextlib.suppress(OSError):
            port = random.choice(_ports_of_this_process())  # noqa: S311 - no secret
            held.enter_context(socket.create_server(("127.0.0.1", port)))
            return port


def docker(*arguments: str) -> str:
    """Run `docker` and return what it printed; raises with its last words."""
    return _run(["docker", *arguments], {**os.environ, "DOCKER_BUILDKIT": "0"}, timeout_s=1200)


def _run(command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{said}")
    return done.stdout


class Images:
    """The service image and that of the tests, under names of this run's own."""

    def __init__(self, given: Mapping[str, str]) -> None:
        name = f"inferbus-test-{os.getpid()}"
        self.service, self.tests = f"{name}:local", f"{name}-tests:local"
        self.variables = {
            **given,
            "SERVICE_IMAGE": self.service,
            "TESTS_IMAGE": self.tests,
        }
        self._base = given.get("PYTHON_IMAGE", "python:3.11-slim-bookworm")

    def build(self) -> None:
        """Build both, at once."""
        files = {self.service: "Dockerfile", self.tests: "tests/system/stack/Dockerfile"}
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.build_one, files, files.values()))

    def build_one(self, name: str, dockerfile: str, *options: str) -> None:
        """Build an image from a file of this repository."""
        base = f"PYTHON_IMAGE={self._base}"
        command = ["build", "--quiet", *options, "--build-arg", base]
        docker(*command, "--tag", name, "--file", dockerfile, ".")

    def remove(self) -> None:
        """Remove both."""
        names = [self.service, self.tests]
        subprocess.run(
            ["docker", "image", "rm", "--force", *names], capture_output=True, check=False
        )


@dataclass(frozen=True)
class Plan:
    """What of the compose file runs, and with which variables of `.env`."""

    name: str
    profiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Those to start; all of the profiles where none is named."""
    variables: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """One compose project with ports and volumes of its own."""

    def __init__(self, plan: Plan, images: Images) -> None:
        self.plan = plan
        self.images = images
        self.project = f"inferbus-test-{os.getpid()}-{plan.name}"
        self.ports = free_ports(_PORTS)
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("INFERBUS_")},
            **{name: str(port) for name, port in self.ports.items()},
            **images.variables,
            **plan.variables,
            "COMPOSE_PROFILES": ",".join(plan.profiles),
        }

    @cached_property
    def addresses(self) -> Addresses:
        """Where the host reaches the stack, and the key that init made."""
        brokers = ["KAFKA_PORT"]
        brokers += ["KAFKA_2_PORT", "KAFKA_3_PORT"] if "cluster" in self.plan.profiles else []
        return Addresses(
            ingest=f"http://127.0.0.1:{self.ports['INGEST_PORT']}",
            kafka=",".join(f"127.0.0.1:{self.ports[name]}" for name in brokers),
            signing_key=self.exec("ingest", "cat", SIGNING_KEY),
        )

    def compose(self, *arguments: str, timeout_s: float = 900) -> str:
        """Run `docker compose` and return what it printed; raises with its last words."""
        command = [*_compose_command(), "--project-name", self.project, *arguments]
        return _run(command, self._environment, timeout_s)

    def up(self, *services: str) -> None:
        """Start what the plan names, or these, and return once each is healthy."""
        try:
            self.compose("up", "--detach", "--wait", *(services or self.plan.services))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._why_not()}") from error

    def _why_not(self) -> str:
        """Say what those have to tell that are not well; what is read last is printed last."""
        listed = self.compose("ps", "--all", "--format", "json").splitlines()
        containers = [json.loads(line) for line in listed]
        unwell = [
            it for it in containers if it["State"] != "running" or it["Health"] == "unhealthy"
        ]
        states = [f"{it['Service']}: {it['Status'] or it['State']}" for it in containers]
        names = [it["Service"] for it in unwell] or [it["Service"] for it in containers]
        return "\n".join([self.compose("logs", "--tail", "30", *names), *states])

    def exec(self, service: str, *command: str) -> str:
        """Run a command in a service's container."""
        return self.compose("exec", "--no-TTY", service, *command)

    def inferbus(self, *arguments: str) -> str:
        """Run the command line inside the storage container."""
        return self.exec("storage", "inferbus", *arguments)

    def state(self, service: str) -> dict[str, object]:
        """Return what the engine says about a service's container."""
        identity = self.compose("ps", "--all", "--quiet", service).strip()
        inspected: dict[str, object] = json.loads(docker("inspect", identity))[0]
        return inspected

    def down(self) -> None:
        """Stop and remove every container; the volumes stay."""
        self.compose("--profile", "*", "down", "--timeout", "25")

    def forget(self) -> None:
        """Remove every container and every volume, at once."""
        self.compose("--profile", "*", "down", "--timeout", "0", "--volumes")


def forget_dead_runs() -> None:
    """Remove the stacks of test runs on this machine that were killed."""
    listed = docker("ps", "--all", "--format", '{{.Label "com.docker.compose.project"}}')
    for project in set(re.findall(r"^inferbus-test-\d+-\w+$", listed, flags=re.MULTILINE)):
        if not Path(f"/proc/{project.split('-')[2]}").exists():
            down = ["--profile", "*", "down", "--timeout", "0", "--volumes"]
            command = [*_compose_command(), "--project-name", project, *down]
            _run(command, os.environ, timeout_s=300)


class Stacks:
    """One stack at a time: the machine is small."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self._running: Stack | None = None

    def give(self, plan: Plan) -> Stack:
        """Return the running stack of this plan, or end another one and start it."""
        if self._running is None or self._running.plan != plan:
            self.close()
            stack = Stack(plan, self.images)
            try:
                stack.up()
            except BaseException:
                # The next test finds none, instead of waiting for what never became well.
                stack.forget()
                raise
            self._running = stack
        return self._running

    def close(self) -> None:
        """End the running one and remove what it wrote."""
        if self._running is not None:
            self._running.forget()
            self._running = None


@cache
def _compose_command() -> list[str]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    beside = Path(sys.executable).with_name("docker-compose")
    return [str(beside) if beside.exists() else "docker-compose"]
