"""Running one row of the table: load, fault, recovery, drain, judgement."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import MetaData, create_engine, make_url, select
from sqlalchemy.pool import NullPool

from tests.faults.draining import NotDrainedError, Patience, wait_drained
from tests.faults.ledger import Book, Ledger, Verdict
from tests.faults.load import Load, Sender
from tests.faults.oracle import Judgement, judge, leaks, verdict_of
from tests.faults.report import FULL, REPORT, scaled
from tests.faults.stored import Stored, Told, read_stored
from tests.faults.system import Published, System
from tests.faults.watching import GROWTH_LIMIT, Watch, growth, memory_mb
from tests.support.kafka.node import KILLS

# A notification whose teller was killed is told again when its lease of 60 s ends; and a busy
# machine has others before it. Patience begins anew with everyone who is told.
_ALERT_PATIENCE_S = 75.0
_MOST_PATIENCE_S = 600.0


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
    losable: int = 0
    set_aside: int = 0
    """How many spooled entries Kafka will have refused for good."""
    memory_before: dict[str, float] = field(default_factory=dict)
    killed_before: int = field(default_factory=lambda: KILLS.sent)
    watch: Watch = field(init=False)

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
    drain_s: float = 120.0,
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
    REPORT.say(f"{name}: {what} …")
    with Ledger(system.folder / f"ledger-{name}-{time.monotonic_ns()}") as ledger:
        load = Load(ledger, system.urls, sender or Sender())
        run = Run(name, what, system, load, ledger, is_told=is_told, losable=losable)
        try:
            with Watch(system) as run.watch:
                with load.running():
                    load.wait_for_acks(20)
                    time.sleep(scaled(0.0, 3.0))  # a process that has just begun still grows
                    run.memory_before = memory_mb(system)
                    yield run
                    if run.fault_ended_at is None:
                        run.fault_is_over()
                    system.ensure_running()
                    time.sleep(scaled(1.0, 3.0) if after_s is None else after_s)
                judgement = _judged(run, drain_s)
        except BaseException as error:
            REPORT.add(row=name, what=what, verdict=f"FAILS: {str(error).splitlines()[0]}")
            raise
        finally:
            # What this row has sent is no invention to the next one, however this one ended.
            system.known |= ledger.book.identities()
    assert not judgement.broken, f"{name}: {judgement}"


def _judged(run: Run, drain_s: float) -> Judgement:
    system, book = run.system, run.ledger.book
    judgement = Judgement()
    try:
        wait_drained(system.drained(set_aside=run.set_aside), drain_s)
    except NotDrainedError as error:
        judgement = judge(book, read_stored(system.database_url), known=system.known)
        judgement.find("I6", [str(error)])
    else:
        drained_at = time.time()
        judgement = _wait_for_alerts(run)
        records = system.new_records()
        judgement.find("I7", _leaks(system, records))
        judgement.figures |= _liveness(run, book, drained_at) | _copies(records, book)
        judgement.find("I6", [*run.watch.findings(), *_memory(run, judgement)])
    if (judgement.figures["missing"] or 0) <= run.losable:
        judgement.forgive("I1", "I3")
    _report(run, judgement)
    return judgement


def _memory(run: Run, judgement: Judgement) -> list[str]:
    """Judge it in the full form only: short rows begin before a process has its working size."""
    ratio, whose = growth(run.system, run.memory_before)
    judgement.figures["rss"] = ratio
    is_too_much = FULL and ratio > GROWTH_LIMIT
    return [f"the memory of {whose} is {ratio} times what it was"] if is_too_much else []


def _wait_for_alerts(run: Run) -> Judgement:
    """Judge once nothing is left to be told, or when patience ends."""
    system = run.system
    patience = Patience(_ALERT_PATIENCE_S, _MOST_PATIENCE_S)
    while True:
        held = read_stored(system.database_url)
        told = _told(run, held)
        judgement = judge(run.ledger.book, held, told=told, known=system.known)
        if "I5" not in judgement.broken or not patience.lasts(len(judgement.findings["I5"])):
            return judgement
        time.sleep(scaled(0.3, 1.0))


def _told(run: Run, held: Stored) -> list[Told] | None:
    if not run.system.plan.has_alerting:
        return None
    return run.system.receiver.told() if run.is_told else held.alerts


def _liveness(run: Run, book: Book, drained_at: float) -> dict[str, float | int | None]:
    ended = run.fault_ended_at or run.started_at
    first = book.first_acked_after(ended)
    slowest = max(
        (c.answered_at - c.sent_at for c in book.calls.values() if c.answered_at is not None),
        default=0.0,
    )
    return {
        "first_2xx_s": None if first is None else first - ended,
        "silent_s": _longest_silence(book),
        "lag0_s": drained_at - ended,
        "slowest_s": slowest,
        "unanswered_s": run.watch.unanswered_s,
        "killed": KILLS.sent - run.killed_before,
    }


def _longest_silence(book: Book) -> float:
    moments = sorted(
        call.answered_at
        for call in book.calls.values()
        if call.verdict is Verdict.ACKED and call.answered_at is not None
    )
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def _copies(records: Iterable[Published], book: Book) -> dict[str, float | int | None]:
    """Count records beyond the first of each event of this run and body."""
    ours = {event_id for event_id, _ in book.identities() if event_id is not None}
    counted = Counter((r.event_id, r.value) for r in records if r.event_id in ours)
    return {"copies": counted.total() - len({event_id for event_id, _ in counted})}


def _leaks(system: System, records: Iterable[Published]) -> list[str]:
    places = system.logs()
    for number, record in enumerate(records):
        places[f"record {number} ({record.event_id})"] = (record.value or b"") + record.rest
    return leaks(system.secrets, places | _tables(system.database_url))


def _tables(url: str) -> dict[str, bytes]:
    file = make_url(url).database
    if url.startswith("sqlite") and file is not None:
        return {path.name: _read_aside(path) for path in Path(file).parent.glob("*.db*")}
    engine = create_engine(url, poolclass=NullPool)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            f"table {table.name}": repr(connection.execute(select(table)).all()).encode()
            for table in metadata.sorted_tables
        }


def _read_aside(path: Path) -> bytes:
    """
    Read a file of SQLite's in a process of its own.

    Whoever closes one drops all his process' locks on it, and with them those of its connections.
    https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    return subprocess.run(["cat", path], capture_output=True, check=False).stdout


def _report(run: Run, judgement: Judgement) -> None:
    REPORT.add(
        row=run.name, what=run.what, **judgement.figures, verdict=verdict_of(judgement, run.name)
    )


def stored(system: System) -> Stored:
    """Return what the system's database holds now."""
    return read_stored(system.database_url)
