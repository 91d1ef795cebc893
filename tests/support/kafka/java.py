"""Find a Java that can run Kafka, or install one."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from .errors import KafkaUnavailableError

OLDEST_JAVA = 17  # Kafka 4 brokers are compiled for it
_JRE = "openjdk-17-jre-headless"
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
        return f"no java: install a JRE {OLDEST_JAVA} or newer, such as {_JRE}"
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
    lacks_java, lacks_maven = why_no_java() is not None, shutil.which("mvn") is None
    if not (lacks_java or lacks_maven):
        return ()
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise KafkaUnavailableError("not root on Debian: install a JRE 17 or newer and Maven")
    _run(["apt-get", "update", "-qq"])
    packages = [_jre_package()] if lacks_java else []
    packages += ["maven"] if lacks_maven else []
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])
    java_version.cache_clear()
    return tuple(packages)


def _jre_package() -> str:
    # Each Debian has its own versions; where 17 is gone, the default is newer.
    known = subprocess.run(["apt-cache", "show", _JRE], capture_output=True, check=False)
    return _JRE if known.returncode == 0 else "default-jre-headless"


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
