"""
Pytest plugin: files of tests run side by side, the longest first.

Most tests wait for a server rather than compute, so three processes end in a third of the time
on two cores. What shares clusters, systems or container stacks stays in one process.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.faults.report import render

# Whole folders are one piece of work: their files share what is slow to start.
_WHOLE = ("tests/faults/", "tests/system/stack/")
# The longest first, so that none begins when the others have ended.
_ORDER = (*_WHOLE, "tests/system/", "tests/integration/", "tests/contract/")


class FilesScheduling(LoadScopeScheduling):
    """Gives a process a file at a time, or one of the folders that stay whole."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of_work(nodeid)


def piece_of_work(nodeid: str) -> str:
    """Return what a test is run together with: its file, or its folder where that stays whole."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in _WHOLE if file.startswith(folder)), file)


def place(nodeid: str) -> int:
    """Return how early a test's folder begins; 0 is first."""
    return next((n for n, folder in enumerate(_ORDER) if nodeid.startswith(folder)), len(_ORDER))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesScheduling:
    """Schedule by files."""
    return FilesScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long folders first; within a folder the order stays."""
    items.sort(key=lambda item: place(item.nodeid))


class FaultRows:
    """The rows of the fault suite, which ran in another process, for the table at the end."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take the rows of a process that ends."""
        self.rows += getattr(node, "workeroutput", {}).get("faults", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print their table."""
        if self.rows:
            terminalreporter.section("faults")
            terminalreporter.write_line(render(self.rows))


def pytest_configure(config: pytest.Config) -> None:
    """Gather the rows where the processes are handed their work."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultRows())
