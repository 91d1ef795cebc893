"""Kafka's jars: fetched once by Maven, then taken from the cache folder."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from .errors import KafkaUnavailableError
from .java import why_no_java

_POM = Path(__file__).with_name("pom.xml")
_COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# It runs for seconds: to compile it well would take as long again.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_MAVEN_TIMEOUT_S = 600


def _version_in_pom() -> str:
    # The pom is ours and the only place that names the version.
    version = ET.parse(_POM).findtext(".//{*}kafka.version")  # noqa: S314
    if not version:
        raise KafkaUnavailableError(f"{_POM.name} names no kafka.version")
    return version


KAFKA_VERSION = _version_in_pom()


def cache_dir() -> Path:
    """Return the folder that outlives a test run: jars, template, class archive."""
    chosen = os.environ.get("INFERBUS_TEST_KAFKA_JARS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path.home() / ".cache" / "inferbus-tests" / f"kafka-{KAFKA_VERSION}"


def why_unavailable() -> str | None:
    """Say in one line why Kafka cannot run here, or None. Downloads nothing."""
    no_java = why_no_java()
    if no_java:
        return no_java
    if not _are_complete(_lib()) and shutil.which("mvn") is None:
        return f"no Kafka jars in {_lib()} and no mvn to fetch them: install maven"
    return None


def ensure_jars() -> Path:
    """
    Return the folder of Kafka's jars, fetching them when they are not cached.

    Safe to call from several test runs at once: one fetches, the others wait.
    Raises KafkaUnavailableError.
    """
    if _are_complete(_lib()):
        return _lib()
    reason = why_unavailable()
    if reason:
        raise KafkaUnavailableError(reason)
    with cache_lock():
        if not _are_complete(_lib()):
            _fetch(_lib())
    return _lib()


@contextmanager
def cache_lock() -> Iterator[None]:
    """Hold the cache folder alone, among all processes of this machine."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file releases it, dying too
        yield


def _lib() -> Path:
    return cache_dir() / "lib"


def _are_complete(lib: Path) -> bool:
    # The folder appears by a rename, so one jar of the right version vouches for all.
    return (lib / f"kafka_2.13-{KAFKA_VERSION}.jar").is_file()


def _fetch(lib: Path) -> None:
    with tempfile.TemporaryDirectory(dir=lib.parent, prefix=".fetch-") as scratch:
        fetched = Path(scratch) / "lib"
        _run_maven(fetched)
        if not _are_complete(fetched):
            raise KafkaUnavailableError(f"mvn brought no kafka_2.13 {KAFKA_VERSION}")
        shutil.rmtree(lib, ignore_errors=True)
        fetched.rename(lib)


def _run_maven(target: Path) -> None:
    arguments = ["-B", "-q", "-f", str(_POM), _COPY_GOAL]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done = subprocess.run(
        ["mvn", *arguments, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=_MAVEN_TIMEOUT_S,
        env={"MAVEN_OPTS": _SHORT_LIVED, **os.environ},
    )
    if done.returncode:
        # Maven reports its errors on stdout.
        raise KafkaUnavailableError(f"mvn could not fetch Kafka: {done.stdout.strip()[-800:]}")
