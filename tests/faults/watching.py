"""What is measured of the processes while a row runs: waiting records, memory."""

import threading
import time
from collections.abc import Mapping
from typing import Self

from tests.faults.draining import metric
from tests.faults.report import scaled
from tests.faults.system import System

# The client's delivery timeout, plus what the watchdog gives it; and a look each second.
UNANSWERED_LIMIT_S = 30.0 + 5.0
_LOOK_EVERY_S = 1.0
_TOLERANCE_S = 2.0
GROWTH_LIMIT = 1.2
"""Memory after a fault, by memory before it."""
_MEMORY_PATIENCE_S = scaled(0.0, 20.0)


class Watch:
    """Asks every ingest once a second for how long its oldest record has had no outcome."""

    def __init__(self, system: System) -> None:
        self._urls = [system[name].admin_url for name in system.plan.ingests]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.unanswered_s = 0.0
        """The longest that was seen."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def findings(self) -> list[str]:
        """Return what is wrong: a record that waited beyond every limit."""
        if self.unanswered_s <= UNANSWERED_LIMIT_S + _TOLERANCE_S:
            return []
        return [f"a record had no outcome for {self.unanswered_s:.0f} s"]

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            for url in self._urls:
                waited_s = metric(url, "inferbus_publish_unanswered_seconds")
                self.unanswered_s = max(self.unanswered_s, waited_s or 0.0)


def memory_mb(system: System) -> dict[str, float]:
    """Return the resident memory of every running process in MiB."""
    return {s.name: s.rss_mb() for s in system.services.values() if s.is_running}


def growth(system: System, before: Mapping[str, float]) -> tuple[float, str]:
    """Return the largest ratio of memory now to then, and whose, once it is within the limit."""
    ends_at = time.monotonic() + _MEMORY_PATIENCE_S
    while True:
        now = memory_mb(system)
        grown = {name: now[name] / mb for name, mb in before.items() if name in now}
        whose = max(grown, key=lambda name: grown[name], default="")
        ratio = grown.get(whose, 1.0)
        if ratio <= GROWTH_LIMIT or time.monotonic() > ends_at:
            return round(ratio, 2), whose
        time.sleep(0.5)
