"""Whether the tables are there: consumers never make them, they wait."""

import time
from collections.abc import Callable, Sequence
from threading import Lock

from sqlalchemy import exc

from bus.errors import Transient
from bus.runtime.health import Check

CHECK_EVERY_S = 2.0


class SchemaGate:
    """
    Says what keeps the tables from being used, until once nothing does.

    Asked before each batch and each step, so the check itself runs at most every
    `CHECK_EVERY_S`. Safe from any thread.
    """

    def __init__(
        self,
        check: Callable[[], Sequence[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._clock = clock
        self._lock = Lock()
        self._is_open = False
        self._due_at = clock()
        self._problem = "the database is not checked yet"

    def problem(self) -> str | None:
        """Return the reason in one line, None once the tables can be used. Blocking."""
        with self._lock:
            if not self._is_open and self._clock() >= self._due_at:
                self._look()
            return None if self._is_open else self._problem

    def require(self) -> None:
        """Raise `Transient` while the tables cannot be used. Blocking."""
        problem = self.problem()
        if problem is not None:
            raise Transient(problem)

    def state(self) -> Check:
        """Return the last answer, without asking the database."""
        return Check(None if self._is_open else self._problem)

    def _look(self) -> None:
        self._due_at = self._clock() + CHECK_EVERY_S
        try:
            problems = self._check()
        except exc.SQLAlchemyError as error:
            problems = [f"database: {type(error).__name__}"]
        self._is_open = not problems
        self._problem = "; ".join(problems)
