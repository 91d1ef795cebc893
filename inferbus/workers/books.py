"""The metrics of all workers as those of one service, those of ended processes included."""

from bus.runtime.cells import Cells
from bus.runtime.families import Families, Family, Labels, add, counted, lasting

# Nobody answered these: their worker died with them. Their senders saw the connection break.
CUT_REASON = "worker-died"


class Books:
    """What ended processes have counted, and the last word of those that run."""

    def __init__(self) -> None:
        self._ended: Families = {}
        self._running: dict[int, Families] = {}

    def told(self, worker: int, families: Families) -> None:
        """Take what a worker's register holds now."""
        self._running[worker] = families

    def ended(self, worker: int, cells: Cells) -> int:
        """
        Close the books of an ended process; return how many deliveries it left unanswered.

        Its counts are in `cells` to the last one, whatever ended it; these deliveries are
        counted as refused, so that the books balance.
        """
        last = lasting(self._running.pop(worker, {}))
        counts = counted(cells.read())
        cut = unanswered(counts)
        add(self._ended, {name: last[name] for name in last.keys() - counts.keys()})
        add(self._ended, counts)
        add(self._ended, _refusals(cut))
        return cut

    def total(self, own: Families) -> Families:
        """Return the families of the whole service, `own` being those of this process."""
        total: Families = {}
        for families in (own, self._ended, *self._running.values()):
            add(total, families)
        return total


def unanswered(counts: Families) -> int:
    """Return how many deliveries were received and never answered."""
    received = _sum(counts, "inferbus_deliveries_received")
    return max(0, round(received - _sum(counts, "inferbus_deliveries")))


def _sum(counts: Families, name: str) -> float:
    family = counts.get(name)
    return 0.0 if family is None else sum(family.samples.values())


def _refusals(cut: int) -> Families:
    if not cut:
        return {}
    answered = (("provider", "unknown"), ("status", "refused"))
    return dict(
        _counter(name, labels, cut)
        for name, labels in (
            ("inferbus_deliveries", answered),
            ("inferbus_refused", (("reason", CUT_REASON),)),
        )
    )


def _counter(name: str, labels: Labels, value: float) -> tuple[str, Family]:
    return name, Family(name, "counter", "", {(f"{name}_total", labels): value})
