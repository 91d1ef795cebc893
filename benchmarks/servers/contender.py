"""One server that takes deliveries, and what it does with a load."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.load import Load, Plan, drive
from benchmarks.processes import cpu_s, rss_mb
from benchmarks.programs import Program


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contender did in one turn."""

    load: Load
    server_cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of the server's processes per acknowledged delivery."""
        return self.server_cpu_s / self.load.acknowledged * 1e6


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Contender:
    """
    Programs that serve `path` on `ports`.

    `settle` is called after every turn and returns once nothing of it is under way any more.
    """

    programs: Sequence[Program]
    ports: Sequence[int]
    path: str
    settle: Callable[[], None] = field(default=_nothing)

    @property
    def cpu_s(self) -> float:
        """CPU seconds that its processes have used."""
        return sum(cpu_s(program.pid) for program in self.programs)

    @property
    def rss_mb(self) -> float:
        """Resident memory of its processes in MiB."""
        return sum(rss_mb(program.pid) for program in self.programs)

    def plan(
        self,
        bodies: dict[str, int],
        connections: int,
        seconds: float,
        rate: float | None = None,
    ) -> Plan:
        """Return a plan against this server."""
        return Plan(
            ports=list(self.ports),
            path=self.path,
            bodies=bodies,
            connections=connections,
            seconds=seconds,
            rate=rate,
        )

    def turn(self, plan: Plan) -> Turn:
        """Take a load; return when all of it is done with."""
        before = self.cpu_s
        load = drive(plan)
        turn = Turn(load, self.cpu_s - before)
        self.settle()
        return turn

    def warm_up(self, bodies: dict[str, int], connections: int) -> None:
        """Take a short load that nobody looks at: imports, caches, connections to Kafka."""
        self.turn(self.plan(bodies, connections, 0.5))


def wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    """Return whether it became so within the time."""
    ends_at = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.02)
    return True
