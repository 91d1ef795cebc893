"""`inferbus up` with the embedded broker, as a thing that can be killed whole or in part."""

import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.draining import Patience, metric, spool_empty, wait_drained
from tests.faults.ledger import Ledger
from tests.faults.load import Load, Sender
from tests.faults.oracle import Judgement, judge, verdict_of
from tests.faults.receiver import Receiver, receiving
from tests.faults.report import REPORT
from tests.faults.services import INFERBUS, Service, clean_environment
from tests.faults.stored import read_stored
from tests.support.kafka.node import KILLS
from tests.support.kafka.ports import ReservedPorts

_DRAIN_S = 60.0
# A notification whose teller was killed is told again when its lease of 60 s ends.
_ALERT_PATIENCE_S = 75.0
_MOST_PATIENCE_S = 600.0


class UpSystem:
    """One data directory with one `up`."""

    def __init__(
        self, folder: Path, receiver: Receiver, ports: ReservedPorts, **extra: str
    ) -> None:
        self.folder = folder
        self.receiver = receiver
        self.token = secrets.token_hex(16)
        port, admin_port = ports.reserve(), ports.reserve()
        self.url = f"http://127.0.0.1:{port}/webhooks/deepinfra/{self.token}"
        settings = {
            "INFERBUS_DATA_DIR": str(folder),
            "INFERBUS_INGEST__AUTH": "token",
            "INFERBUS_INGEST__TOKENS": f"faults:{self.token}",
            "INFERBUS_INGEST__INLINE_LIMIT_BYTES": "4096",
            "INFERBUS_ALERTING__WEBHOOK_URL": receiver.url,
            "INFERBUS_ALERTING__WEBHOOK_SECRET": secrets.token_hex(24),
            "INFERBUS_LOG__FORMAT": "json",
        }
        command = [INFERBUS, "up", "--json", "--port", str(port), "--admin-port", str(admin_port)]
        admin_url = f"http://127.0.0.1:{admin_port}"
        environment = clean_environment(settings | extra)
        self.service = Service("up", command, environment, folder, admin_url)

    @property
    def content(self) -> dict[str, Any]:
        """What `up.json` says."""
        content: dict[str, Any] = json.loads((self.folder / "up.json").read_bytes())
        return content

    def start(self) -> None:
        """Return when it is ready and has said so in `up.json`."""
        self.service.start()
        self.service.wait_ready(60.0)
        ends_at = time.monotonic() + 30
        while not self._is_written():
            assert time.monotonic() < ends_at, "up.json is not written"
            time.sleep(0.05)

    def kill_all(self) -> None:
        """End the program and its broker at the same moment, like a power cut."""
        self.kill_broker()
        self.service.kill()

    def kill_broker(self) -> int:
        """End the broker alone; return its process id."""
        broker: int = self.content["pids"]["broker"]
        os.kill(broker, signal.SIGKILL)
        KILLS.sent += 1
        return broker

    def wait_other_broker(self, than: int, timeout_s: float = 60.0) -> None:
        """Return when `up.json` names another broker."""
        ends_at = time.monotonic() + timeout_s
        while self.content["pids"]["broker"] == than:
            assert time.monotonic() < ends_at, f"the broker is not replaced\n{self.service.log}"
            time.sleep(0.05)

    def _is_written(self) -> bool:
        try:
            return bool(self.content["pids"]["up"] == self.service.pid)
        except (OSError, ValueError):
            return False


@contextmanager
def running_up(folder: Path, **extra: str) -> Iterator[UpSystem]:
    """Give an `up` that is ready; whatever runs at the end is ended."""
    with ExitStack() as undo:
        receiver = undo.enter_context(receiving())
        system = UpSystem(folder, receiver, undo.enter_context(ReservedPorts()), **extra)
        undo.callback(system.service.kill)
        system.start()
        yield system


@contextmanager
def up_row(
    name: str, what: str, system: UpSystem, sender: Sender
) -> Iterator[tuple[Load, Judgement]]:
    """Run a load around the with block, then drain; the judgement is filled in at the end."""
    judgement, killed_before = Judgement(), KILLS.sent
    REPORT.say(f"{name}: {what} …")
    with Ledger(system.folder / f"ledger-{time.monotonic_ns()}") as ledger:
        load = Load(ledger, [system.url], sender)
        with load.running():
            load.wait_for_acks(10)
            yield load, judgement
            load.wait_for_acks(10)
        drained_s = _drained(system, judgement)
        found = _judged(system, ledger)
    judgement.findings.update(found.findings)
    killed = KILLS.sent - killed_before
    judgement.figures = found.figures | {"lag0_s": drained_s, "killed": killed}
    REPORT.add(row=name, what=what, **judgement.figures, verdict=verdict_of(judgement, name))


def _drained(system: UpSystem, judgement: Judgement) -> float | None:
    try:
        return wait_drained([spool_empty(system.service.admin_url)], _DRAIN_S)
    except AssertionError as error:
        judgement.find("I6", [str(error)])
        return None


def _judged(system: UpSystem, ledger: Ledger) -> Judgement:
    patience = Patience(_ALERT_PATIENCE_S, _MOST_PATIENCE_S)
    while True:
        stored = read_stored(system.content["database_url"])
        found = judge(ledger.book, stored, told=system.receiver.told())
        if found.broken != {"I5"} or not patience.lasts(len(found.findings["I5"])):
            return found
        time.sleep(0.3)


def drained_total(system: UpSystem) -> float:
    """Return how many records this life of `up` has published out of its spool."""
    return metric(system.service.admin_url, "inferbus_spool_drained_total") or 0.0
