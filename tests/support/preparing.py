"""
What the machine must have before a test may begin, looked for when it begins.

`scripts/test` prepares servers and containers beside the unit tests. The folder that it names in
INFERBUS_TEST_PREPARING holds a file for each of the two, as long as that goes on, and one for the
layers of our own images, which an engine makes twice where two builds ask for them at once.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.engine import KAFKA, POSTGRES, why_no_image
from tests.support.kafka import why_unavailable
from tests.support.postgres import why_no_binaries
from tests.support.proxies import why_missing

_PREPARING = os.environ.get("INFERBUS_TEST_PREPARING")
_WAITS_FOR: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("tests/unit/", "tests/test_"), ()),
    "tests/faults/": ("servers",),
    "tests/system/stack/": ("servers", "containers", "layers"),
    "": ("servers", "containers"),
}
"""By the beginning of a test's name."""
_LOOK_EVERY_S = 0.2
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def wait_prepared(nodeid: str) -> None:
    """Return once what a test may need is no longer being prepared."""
    if _PREPARING is None:
        return
    needed = next(what for begin, what in _WAITS_FOR.items() if nodeid.startswith(begin))
    while any((Path(_PREPARING) / what).exists() for what in needed):
        time.sleep(_LOOK_EVERY_S)


def why_not(need: str) -> str | None:
    """Return in one line why a test with the marker `needs(need)` cannot run here, or None."""
    return _LOOKS[need]()


def _why_no_containers() -> str | None:
    missing = why_no_image(KAFKA) or why_no_image(POSTGRES)
    return missing and f"containers: {missing}"


def _why_no_postgres() -> str | None:
    missing = why_no_binaries()
    return missing and f"no PostgreSQL to break: {missing}"


def _why_no_faketime() -> str | None:
    return None if FAKETIME.exists() else "no libfaketime"


_LOOKS: Mapping[str, Callable[[], str | None]] = {
    "brokers": why_unavailable,
    "containers": _why_no_containers,
    "faketime": _why_no_faketime,
    "postgres": _why_no_postgres,
    "nginx": lambda: why_missing("nginx"),
    "caddy": lambda: why_missing("caddy"),
}
