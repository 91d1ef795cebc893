"""
Pytest plugin: the suite in several processes, side by side.

Each takes the next piece of work when it has done one: a file, in its order, or what shares
clusters and containers and would be slow to start twice. The fault rows come first, for they
take longest; beside them run the unit tests, while servers are prepared. Then comes what waits
for most of its time, beside what is left of the faults and the stack, and last what keeps a
processor busy: three processes that wait would leave it idle. Short pieces end it, so that no
process is left alone with a long one.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files that use the same clusters, first three nodes and then a secured one.
_CLUSTERED = ("direct_publisher", "kafka_fixture", "security", "secured_services", "preflight")
_PIECES = {
    "tests/faults/": "faults",
    "tests/system/stack/": "stack",
    **{f"tests/integration/test_{name}.py": "clusters" for name in _CLUSTERED},
}
# First one stack, then the other; by the last Prometheus has evaluated its rules.
_STACK = ("everything", "pipeline", "image", "restarts", "observability")
_WAITING = (
    *("workers", "relay", "broker_faults", "ways_back", "postgres_faults"),
    "health_of_services",
)
_ORDER = (
    "tests/faults/",
    *("tests/unit/", "tests/test_"),
    *(f"tests/system/stack/test_{name}.py" for name in _STACK),
    *(f"tests/integration/test_{name}.py" for name in (*_WAITING, *_CLUSTERED)),
    "tests/system/test_up",
    "tests/system/test_",
    *(f"tests/contract/test_{name}.py" for name in ("bus", "sinks", "tables", "retention")),
    "tests/integration/",
    "tests/contract/",
)


class Lanes(LoadScopeScheduling):
    """Hands out pieces of work in the order in which tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return piece(nodeid)


def piece(nodeid: str) -> str:
    """Return the name of the piece that a test belongs to."""
    shared = (name for begin, name in _PIECES.items() if nodeid.startswith(begin))
    return next(shared, nodeid.partition("::")[0])


def rank(nodeid: str) -> int:
    """Return where a test stands in the order of the work."""
    return next((n for n, begin in enumerate(_ORDER) if nodeid.startswith(begin)), len(_ORDER))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the pieces of work in their order."""
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    """Use these lanes instead of a distribution of xdist's own."""
    config.option.loadscopereorder = False
    return Lanes(config, log)
