"""How fast a baseline's consumer gets on."""

import json
from time import perf_counter, process_time


class Pace:
    """Counts from the end of the first batch, by when the group has formed, to that of the last."""

    def __init__(self) -> None:
        self.seen = 0
        self._first = 0
        self._started = self._cpu = 0.0

    def add(self, records: int) -> None:
        """Say that so many more are done with."""
        if records and not self.seen:
            self._first = records
            self._started, self._cpu = perf_counter(), process_time()
        self.seen += records

    def told(self) -> str:
        """Return records a second and CPU microseconds a record, as JSON."""
        counted = max(1, self.seen - self._first)
        seconds = perf_counter() - self._started
        cpu = process_time() - self._cpu
        return json.dumps({"per_second": counted / seconds, "cpu_us": cpu / counted * 1e6})
