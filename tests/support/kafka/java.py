"""Find a Java that can run Kafka; `scripts/packages kafka` installs one."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

OLDEST_JAVA = 17  # Kafka 4 brokers are compiled for it
_JRE = "openjdk-17-jre-headless"


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


def _major(version: str) -> int:
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0
