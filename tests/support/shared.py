"""
Servers that all processes of a test run share: the first that asks for one starts it.

The process that started a server ends it, once the others no longer use it or have died. Locks
on files tell: the kernel releases those of a process that dies.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

Start = Callable[[], AbstractContextManager[str]]


class SharedServers:
    """
    The servers that this process uses; `folder` is one that all processes of the run know.

    `close` waits for the others where a server was started here: call it outside of any test.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._joined, self._begun = ExitStack(), ExitStack()

    def give(self, name: str, start: Start) -> str:
        """Return the address of the run's server of this name, started if there is none."""
        told = self._folder / f"{name}.address"
        with _locked(told.with_suffix(".lock")):
            return self._join(told) or self._begin(told, start)

    def close(self) -> None:
        """Leave what others have started, then end what was started here."""
        # In this order, for two processes may wait for each other.
        self._joined.close()
        self._begun.close()

    def _join(self, told: Path) -> str | None:
        if not told.exists():
            return None
        pid, address = told.read_text().split(" ", 1)
        if not Path(f"/proc/{pid}").exists():
            return None
        self._joined.enter_context(_locked(_users(told, int(pid)), fcntl.LOCK_SH))
        return address

    def _begin(self, told: Path, start: Start) -> str:
        address = self._begun.enter_context(start())
        told.write_text(f"{os.getpid()} {address}")
        self._begun.callback(_wait_for_users, told)
        return address


def _wait_for_users(told: Path) -> None:
    with _locked(told.with_suffix(".lock")):
        told.unlink(missing_ok=True)  # who asks from now on starts another
    with _locked(_users(told, os.getpid())):
        pass


def _users(told: Path, owner: int) -> Path:
    return told.with_suffix(f".users-of-{owner}")


@contextmanager
def _locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, how)
        yield
