"""Running one row of the table: load, fault, recovery, drain, judgement."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import MetaData, create_engine, select
from sqlalchemy.pool import NullPool

from tests.faults.draining import wait_drained
from tests.faults.ledger import Book, Ledger, Verdict
from tests.faults.load import Load, Sender
from tests.faults.oracle import Judgement, judge, leaks
from tests.faults.report import REPORT, scaled
from tests.faults.stored import Stored, Told, read_stored
from tests.faults.system import System

# A notification whose teller was killed is told again when its lease of 60 s ends.
_ALERT_PATIENCE_S = 75.0


@dataclass(slots=True)
class Run:
    """One row under way; the test says when its fault is over."""

    name: str
    what: str
    system: System
    load: Load
    ledger: Ledger
    started_at: float = field(default_factory=time.time)
    fault_ended_at: float | None = None
    is_told: bool = True
    rss_before: dict[str, float] = field(default_factory=dict)

    def fault_is_over(self) -> None:
        """Note the moment from which recovery counts."""
        self.fault_ended_at = time.time()

    def go_on(self, seconds: float) -> None:
        """Let the load run."""
        time.sleep(seconds)


@contextmanager
def row(
    name: str,
    what: str,
    system: System,
    sender: Sender | None = None,
    *,
    after_s: float | None = None,
    drain_s: float = 90.0,
    losable: int = 0,
    is_told: bool = True,
) -> Iterator[Run]:
    """
    Run the load around the with block, which does the fault; then drain, judge and report.

    `losable` is how many acknowledged deliveries the fault itself destroys. Where clocks are
    wrong, failures look older than an hour, which alerting records and tells nobody: with
    `is_told` False its own table is judged instead of what the receiver heard. Raises
    AssertionError where an invariant is broken or it does not drain in time.
    """
    with Ledger(system.folder / f"ledger-{name}-{time.monotonic_ns()}") as ledger:
        load = Load(ledger, system.urls, sender or Sender())
        run = Run(name, what, system, load, ledger, is_told=is_told)
        with load.running():
            load.wait_for_acks(20)
            run.rss_before = _rss(system)
            yield run
            if run.fault_ended_at is None:
                run.fault_is_over()
            system.ensure_running()
            time.sleep(scaled(1.5, 5.0) if after_s is None else after_s)
        judgement = _judged(run, drain_s, losable)
    assert not judgement.broken, f"{name}: {judgement}"


def _judged(run: Run, drain_s: float, losable: int) -> Judgement:
    system, book = run.system, run.ledger.book
    try:
        wait_drained(system.drained(), drain_s)
    except AssertionError as error:
        judgement = Judgement()
        judgement.find("I6", [str(error)])
        _report(run, judgement)
        return judgement
    drained_at = time.time()
    judgement = _wait_for_alerts(run)
    _judge_twins(run, judgement)
    judgement.find("I7", _leaks(system))
    judgement.figures |= _liveness(run, book, drained_at) | _copies(system, book)
    if (judgement.figures["missing"] or 0) <= losable:
        judgement.forgive("I1", "I3")
    _report(run, judgement)
    system.known |= book.identities()
    return judgement


def _wait_for_alerts(run: Run) -> Judgement:
    """Judge once nothing is left to be told, or when patience ends."""
    system = run.system
    ends_at = time.monotonic() + _ALERT_PATIENCE_S
    while True:
        held = read_stored(system.database_url)
        told = _told(run, held)
        judgement = judge(run.ledger.book, held, told=told, known=system.known)
        if "I5" not in judgement.broken or time.monotonic() > ends_at:
            return judgement
        time.sleep(0.3)


def _told(run: Run, held: Stored) -> list[Told] | None:
    if not run.system.plan.has_alerting:
        return None
    return run.system.receiver.told() if run.is_told else held.alerts


def _judge_twins(run: Run, judgement: Judgement) -> None:
    for url in run.system.databases[1:]:
        other = judge(run.ledger.book, read_stored(url), known=run.system.known)
        for invariant, found in other.findings.items():
            judgement.find(invariant, [f"{url.rpartition('/')[2]}: {each}" for each in found])
        for name in ("missing", "doubled"):
            judgement.figures[name] = (judgement.figures[name] or 0) + (other.figures[name] or 0)


def _liveness(run: Run, book: Book, drained_at: float) -> dict[str, float | int | None]:
    ended = run.fault_ended_at or run.started_at
    first = book.first_acked_after(ended)
    slowest = max(
        (c.answered_at - c.sent_at for c in book.calls.values() if c.answered_at is not None),
        default=0.0,
    )
    after = _rss(run.system)
    grown = [after[name] / before for name, before in run.rss_before.items() if name in after]
    return {
        "first_2xx_s": None if first is None else first - ended,
        "silent_s": _longest_silence(book),
        "lag0_s": drained_at - ended,
        "slowest_s": slowest,
        "rss": round(max(grown, default=1.0), 2),
    }


def _longest_silence(book: Book) -> float:
    moments = sorted(
        call.answered_at
        for call in book.calls.values()
        if call.verdict is Verdict.ACKED and call.answered_at is not None
    )
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def _copies(system: System, book: Book) -> dict[str, float | int | None]:
    """Count records beyond the first of each event of this run and body."""
    ours = {event_id for event_id, _ in book.identities() if event_id is not None}
    records = Counter(
        (event_id, value)
        for event_id, value, _ in system.values("succeeded", "failed", "progress")
        if event_id in ours
    )
    return {"copies": records.total() - len({event_id for event_id, _ in records})}


def _rss(system: System) -> dict[str, float]:
    return {s.name: s.rss_mb() for s in system.services.values() if s.is_running}


def _leaks(system: System) -> list[str]:
    places = system.logs()
    for number, (event_id, value, rest) in enumerate(system.values()):
        places[f"record {number} ({event_id})"] = (value or b"") + rest
    return leaks(system.secrets, places | _tables(system))


def _tables(system: System) -> dict[str, bytes]:
    engine = create_engine(system.database_url, poolclass=NullPool)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            f"table {table.name}": repr(connection.execute(select(table)).all()).encode()
            for table in metadata.sorted_tables
        }


def _report(run: Run, judgement: Judgement) -> None:
    verdict = "holds" if not judgement.broken else f"FAILS {', '.join(sorted(judgement.broken))}"
    REPORT.add(row=run.name, what=run.what, **judgement.figures, verdict=verdict)


def stored(system: System) -> Stored:
    """Return what the system's database holds now."""
    return read_stored(system.database_url)
