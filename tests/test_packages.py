"""What `scripts/packages` says where it may not install: one line that names what is missing."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.schemas import ROOT

SCRIPT = ROOT / "scripts" / "packages"
TOOLS = ("bash", "sed", "env")


def run(folder: Path, programs: Mapping[str, str], *parts: str) -> tuple[int, list[str]]:
    """Run it where only these programs are; return its status and the lines it wrote."""
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, script in programs.items():
        program = folder / name
        program.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        program.chmod(0o755)
    done = subprocess.run(
        [str(shutil.which("bash")), str(SCRIPT), *parts],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


NOBODY = {"id": "echo 1000"}
JAVA = {"java": "echo 'openjdk version \"21.0.2\" 2024-01-16' >&2", "mvn": "exit 0"}


@pytest.mark.parametrize(
    ("part", "programs", "missing"),
    [
        ("kafka", {}, "java maven"),
        ("kafka", JAVA | {"java": "echo 'java version \"1.8.0_402\"' >&2"}, "java"),
        ("engine", {}, "docker.io iptables mmdebstrap"),
        ("engine", {"docker": "exit 1", "dockerd": "", "mmdebstrap": ""}, "iptables"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, part: str, programs: dict[str, str], missing: str
) -> None:
    """An ordinary user cannot install it: the tests go on without."""
    assert run(tmp_path, NOBODY | programs, part) == (
        1,
        [f"not here, and installed only as root on Debian: {missing}"],
    )


@pytest.mark.parametrize(("part", "programs"), [("kafka", JAVA), ("engine", {"docker": "exit 0"})])
def test_where_all_is_there_nothing_is_said(
    tmp_path: Path, part: str, programs: dict[str, str]
) -> None:
    """An engine that answers is taken as it is, wherever it came from."""
    assert run(tmp_path, NOBODY | programs, part) == (0, [])


def test_all_that_is_missing_is_installed_by_one_call(tmp_path: Path) -> None:
    """And a failure is told with apt-get's last word."""
    root = {
        "id": "echo 0",
        "apt-get": f'echo "$*" >>{tmp_path}/calls\n[ "$1" = update ] || {{ echo full; exit 1; }}',
        "apt-cache": "exit 1",
        **{name: f'exec {shutil.which(name)} "$@"' for name in ("tail", "cut")},
    }

    status, lines = run(tmp_path, root, "kafka", "engine")

    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 2
    assert calls[1].endswith("default-jre-headless maven docker.io iptables mmdebstrap")
    assert status == 1
    assert lines[-1].endswith("full")
