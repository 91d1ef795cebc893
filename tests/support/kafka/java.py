"""Find a Java that can run Kafka, or install one."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from .errors import KafkaUnavailableError

OLDEST_JAVA = 17  # Kafka 4 brokers are compiled for it
_INSTALL_TIMEOUT_S = 900


def find_java() -> Path | None:
    """Return the java command: JAVA_HOME's, else the first on PATH."""
    home = os.environ.get("JAVA_HOME")
    candidate = shutil.which("java", path=f"{home}/bin") if home else None
    found = candidate or shutil.which("java")
    return Path(found) if found else None


@cache
def java_version(java: Path) -> str:
    """Return the full version, such as ``17.0.15``; empty if `java` does not run."""
    try:
        # -version prints to stderr, in every JDK since the first.
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    match = re.search(r'version "([^"]+)"', answer.stderr)
    return match[1] if match else ""


def why_no_java() -> str | None:
    """Say in one line why there is no Java for Kafka, or None."""
    java = find_java()
    if java is None:
        return f"no java: install a JRE {OLDEST_JAVA} or newer, such as openjdk-17-jre-headless"
    version = java_version(java)
    if _major(version) < OLDEST_JAVA:
        return f"{java} is version {version or 'unknown'}, Kafka needs {OLDEST_JAVA} or newer"
    return None


def install_java() -> tuple[str, ...]:
    """
    Install what is missing of a JRE and Maven, as root on Debian or Ubuntu.

    Returns the names of the packages it installed, none if all was there.
    Raises KafkaUnavailableError where it cannot.
    """
    missing = _missing_packages()
    if not missing:
        return ()
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        raise KafkaUnavailableError(f"not root on Debian: install {' and '.join(missing)} yourself")
    _run([apt_get, "update", "-qq"])
    _run([apt_get, "install", "-y", "-qq", "--no-install-recommends", *missing])
    return missing


def _missing_packages() -> tuple[str, ...]:
    missing = []
    if why_no_java():
        missing.append("openjdk-17-jre-headless")
    if shutil.which("mvn") is None:
        missing.append("maven")
    return tuple(missing)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        raise KafkaUnavailableError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


def _major(version: str) -> int:
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0
