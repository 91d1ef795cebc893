"""
The container engine of this machine, and the images that tests take.

`python -m tests.support.engine` brings the images here: pulled where they can be, else built as
stand-ins. Tests themselves take only what is there, so that a single test stays quick.
`python -m tests.support.engine layers` builds what our own images are made of, for their builds
to find it done.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KAFKA, POSTGRES, PYTHON = "KAFKA_IMAGE", "POSTGRES_IMAGE", "PYTHON_IMAGE"
PROMETHEUS, ALERTMANAGER = "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE"
VARIABLES = (KAFKA, POSTGRES, PYTHON, PROMETHEUS, ALERTMANAGER)
OWNER = "inferbus-tests.pid"
"""The label that names the test run a container belongs to."""
_STAND_INS = {
    KAFKA: "inferbus-offline/kafka",
    POSTGRES: "inferbus-offline/postgres",
    PYTHON: "inferbus-offline/python",
}
_ANSWER_TIMEOUT_S = 10
_PULL_TIMEOUT_S = 300


@cache
def why_no_engine() -> str | None:
    """Return in one line why no container can run here, None where one can."""
    if shutil.which("docker") is None:
        return "no docker command"
    if not _docker("info", timeout_s=_ANSWER_TIMEOUT_S):
        return "no container engine answers: scripts/engine start"
    return None


def why_no_image(variable: str) -> str | None:
    """Return in one line why no container of this image can be started, None where one can."""
    reason = why_no_engine()
    if reason is None and image(variable) is None:
        reason = f"neither {official(variable)} nor a stand-in is here: make test brings one"
    return reason


@cache
def image(variable: str) -> str | None:
    """Return the image that is here: the one named, the official one, a stand-in, or None."""
    if why_no_engine() is not None:
        return None
    named = os.environ.get(variable)
    if named:
        return named
    return official(variable) if is_here(official(variable)) else _stand_in(variable)


def official(variable: str) -> str:
    """Return the image that the compose file takes where nobody names one."""
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found = re.search(rf"\${{{variable}:-([^}}]+)}}", compose)
    if found is None:
        raise LookupError(f"docker-compose.yml names no {variable}")
    return found[1]


def image_variables() -> dict[str, str]:
    """
    Return the variables that compose needs: none where the official images can be had.

    Else those that are given, or those of the stand-ins, which are built where they are missing.
    """
    given = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    return given if given or _can_be_had(official(PYTHON)) else _build_stand_ins()


def bring_images() -> None:
    """Pull the images of Kafka and PostgreSQL, or build the stand-ins where that fails."""
    chosen = image_variables()
    for variable in (KAFKA, POSTGRES):
        name = chosen.get(variable, official(variable))
        if not _can_be_had(name):
            raise LookupError(f"{name} cannot be pulled: name an image in {variable}")


def build_layers() -> None:
    """Leave the layers of the service's and the tests' image in the engine's cache."""
    base = image(PYTHON) or official(PYTHON)
    for dockerfile in ("Dockerfile", "tests/system/stack/Dockerfile"):
        command = ["docker", "build", "--quiet", "--build-arg", f"{PYTHON}={base}"]
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        command += ["--file", dockerfile, "."]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)


def remove_containers(label: str) -> None:
    """Remove containers with this label, at once, where there are any."""
    listed = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found := listed.stdout.split():
        _docker("rm", "--force", "--volumes", *found, timeout_s=_PULL_TIMEOUT_S)


def _can_be_had(name: str) -> bool:
    return is_here(name) or _docker("pull", "--quiet", name, timeout_s=_PULL_TIMEOUT_S)


def is_here(name: str) -> bool:
    """Tell whether an image is on this machine."""
    return _docker("image", "inspect", name, timeout_s=_ANSWER_TIMEOUT_S)


def _stand_in(variable: str) -> str | None:
    command = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    listed = subprocess.run(
        [*command, _STAND_INS[variable]], capture_output=True, text=True, check=False
    )
    return next(iter(listed.stdout.split()), None)  # the newest comes first


def _build_stand_ins() -> dict[str, str]:
    build = ROOT / "deploy" / "offline-images" / "build"
    environment = {**os.environ, "PYTHON": sys.executable}
    built = subprocess.run(
        [str(build)], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(line.split("=", 1) for line in built.stdout.split())


def _docker(*arguments: str, timeout_s: float) -> bool:
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    """Return 0 when containers of Kafka and PostgreSQL can be started, 1 with one line if not."""
    try:
        reason = why_no_engine()
        if reason is None:
            build_layers() if sys.argv[1:] == ["layers"] else bring_images()
    except (LookupError, subprocess.CalledProcessError) as error:
        reason = str(error)
    if reason is not None:
        print(f"no containers for the tests: {reason}", file=sys.stderr)  # noqa: T201
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
