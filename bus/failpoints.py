"""
Named places where a test can have the process killed, to prove every order of a crash.

`INFERBUS_TEST_FAILPOINT=name` kills at the first time the place is reached, `name:3` at the
third. Unset, reaching one costs an empty call.
"""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Literal

Failpoint = Literal[
    "after-poll",
    "in-transaction",
    "after-write",
    "after-commit",
    "before-park",
    "after-park",
]

_VARIABLE = "INFERBUS_TEST_FAILPOINT"


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)  # nothing is flushed, closed or said


def _nothing(name: Failpoint) -> None:
    """Do nothing: no failpoint is set."""


def make_reach(
    environment: Mapping[str, str], die: Callable[[], None] = _kill
) -> Callable[[Failpoint], None]:
    """Return what is called at each place."""
    name, _, count = environment.get(_VARIABLE, "").partition(":")
    if not name:
        return _nothing
    left = int(count or 1)

    def reach(reached: Failpoint) -> None:
        nonlocal left
        if reached == name:
            left -= 1
            if left == 0:
                die()

    return reach


reach = make_reach(os.environ)
