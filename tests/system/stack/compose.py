"""The compose stack as the host drives it: build, up, exec, kill, down."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
_PORTS = (
    "KAFKA_PORT",
    "INGEST_PORT",
    "INGEST_ADMIN_PORT",
    "STORAGE_ADMIN_PORT",
    "ALERTING_ADMIN_PORT",
)


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Stack:
    """One compose project with ports and volumes of its own."""

    def __init__(self, images: Mapping[str, str]) -> None:
        self.project = f"inferbus-test-{os.getpid()}"
        self.ports = {name: free_port() for name in _PORTS}
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("INFERBUS_")},
            **{name: str(port) for name, port in self.ports.items()},
            **images,
            "INFERBUS_IMAGE": f"{self.project}:local",
            "INFERBUS_TESTS_IMAGE": f"{self.project}-tests:local",
            "DOCKER_BUILDKIT": "0",  # the plain builder needs no frontend image
        }

    def compose(self, *arguments: str, timeout_s: float = 300) -> str:
        """Run `docker compose` and return what it printed; raises with its last words."""
        command = [*_compose_command(), "--project-name", self.project, *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            words = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
            raise AssertionError(f"compose {' '.join(arguments)}: {done.returncode}\n{words}")
        return done.stdout

    def up(self) -> None:
        """Start everything and return once each service is healthy."""
        try:
            self.compose("up", "--detach", "--wait", "ingest", "storage", "alerting")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '40')}") from error

    def build(self) -> None:
        """Build the service image and the tests' own."""
        for service, dockerfile in (
            ("INFERBUS_IMAGE", "Dockerfile"),
            ("INFERBUS_TESTS_IMAGE", "tests/system/stack/Dockerfile"),
        ):
            base = self._environment.get("PYTHON_IMAGE", "python:3.11-slim-bookworm")
            command = ["docker", "build", "--quiet", "--build-arg", f"PYTHON_IMAGE={base}"]
            command += ["--tag", self._environment[service], "--file", dockerfile, "."]
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def inferbus(self, *arguments: str) -> str:
        """Run the command line inside the storage container."""
        return self.compose("exec", "--no-TTY", "storage", "inferbus", *arguments)

    def down(self, *, and_forget: bool) -> None:
        """Stop everything; `and_forget` removes the volumes too."""
        self.compose(
            "--profile", "*", "down", "--timeout", "20", *(["--volumes"] if and_forget else [])
        )

    def remove_images(self) -> None:
        """Remove the two images that were built for this run."""
        names = [self._environment["INFERBUS_IMAGE"], self._environment["INFERBUS_TESTS_IMAGE"]]
        subprocess.run(
            ["docker", "image", "rm", "--force", *names], capture_output=True, check=False
        )


def _compose_command() -> list[str]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    beside = Path(sys.executable).with_name("docker-compose")
    return [str(beside) if beside.exists() else "docker-compose"]
