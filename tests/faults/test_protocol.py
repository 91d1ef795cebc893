"""Answers of the broker that are wrong, late, lost, or never come."""

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.faults.clusters import Clusters
from tests.faults.deliveries import Delivery, succeeded
from tests.faults.draining import wait_drained
from tests.faults.ledger import Ledger, Sent, Verdict
from tests.faults.load import Sender
from tests.faults.oracle import judge, verdict_of
from tests.faults.proxy import Proxy, proxying
from tests.faults.report import REPORT, full_form_only, scaled
from tests.faults.rows import row, stored
from tests.faults.system import System, running_system
from tests.support.kafka import ClusterOptions

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]

# Answers that mean "again, later" to the client, and those that mean "never".
RETRIABLE = (2, 3, 6, 7, 19, 20, 56)
FINAL = (10, 29, 44, 45, 46, 59, 87, -1)


@pytest.fixture(scope="module")
def proxy(clusters: Clusters) -> Iterator[Proxy]:
    """A proxy before a node that tells its clients to come by the proxy."""
    with proxying() as proxy:
        advertised = {"advertised.listeners": f"PLAINTEXT://{proxy.address}"}
        options = ClusterOptions(session_timeout_ms=1000, settings=advertised)
        clusters.give(1, options, made=proxy.lead_to)
        yield proxy


@pytest.fixture
def behind(proxy: Proxy, clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A system that reaches Kafka through the proxy."""
    folder = tmp_path_factory.mktemp("behind")
    return clusters.hold("behind", lambda: running_system(folder, proxy.address))


def test_f9_lost_acknowledgements(proxy: Proxy, behind: System) -> None:
    """The record is written twice and stored once."""
    with row("F9", "acknowledgements lost, connection closed", behind, Sender(rate=100)) as run:
        for _ in range(int(scaled(4, 40))):
            proxy.lose_next()
            run.load.wait_for_acks(30)
        run.fault_is_over()
    assert proxy.pending == 0
    assert REPORT.rows[-1]["copies"] >= 1  # type: ignore[operator] # a count


def test_f10_half_open_broker(proxy: Proxy, behind: System) -> None:
    """Connections stay open and silent; those opened before are never served again."""
    with row("F10", "half-open: all connections silent", behind, Sender(rate=60)) as run:
        proxy.go_silent()
        run.go_on(scaled(4, 40))
        proxy.speak()
        run.fault_is_over()


@full_form_only
def test_f11_slow_broker(proxy: Proxy, behind: System) -> None:
    """Answers come 50, 500, 3000 ms late; past the deadline of 2 s the spool answers."""
    with row("F11", "produce answers 50, 500, 3000 ms late", behind, Sender(rate=60)) as run:
        for delay_s in (0.05, 0.5, 3.0):
            proxy.delay_s = delay_s
            run.go_on(scaled(2.5, 12))
        proxy.delay_s = 0.0
        run.fault_is_over()


def test_f8_each_error_of_a_produce_request(proxy: Proxy, behind: System) -> None:
    """Only the record that got it is affected: its sender hears 2xx, and so does the next one."""
    with Ledger(behind.folder / "ledger-F8") as ledger:
        said = {code: _one_by_one(ledger, behind, proxy, code) for code in RETRIABLE + FINAL}
        refused = behind["ingest"].log.count("spool_entry_refused")
        wait_drained(behind.drained(set_aside=refused), 60)
    judgement = judge(ledger.book, stored(behind), known=behind.known)
    behind.known |= ledger.book.identities()
    what = f"each of {len(said)} produce error codes; {refused} records set aside"
    REPORT.add(row="F8", what=what, **judgement.figures, verdict=verdict_of(judgement))
    assert not judgement.broken, str(judgement)
    assert all(each == (200, 200) for each in said.values()), said


def _one_by_one(ledger: Ledger, system: System, proxy: Proxy, code: int) -> tuple[int, int]:
    """Return what the record that met the error and the next one were answered."""
    name = f"R{system.prefix[-8:]}code{code % 1000:03d}"
    _wait_for_kafka(ledger, system, name)
    proxy.refuse_next(code)
    first, _by = _deliver(ledger, system, succeeded(f"{name}a"))
    assert proxy.pending == 0, "the error was not met"
    return first, _deliver(ledger, system, succeeded(f"{name}b"))[0]


def _wait_for_kafka(ledger: Ledger, system: System, name: str) -> None:
    """Return once Kafka has taken a delivery: after some errors the spool stands in for a while."""
    ends_at = time.monotonic() + 30
    for number in itertools.count():
        if _deliver(ledger, system, succeeded(f"{name}w{number}"))[1] == "kafka":
            return
        assert time.monotonic() < ends_at, "only the spool answers"
        time.sleep(0.1)


def _deliver(ledger: Ledger, system: System, delivery: Delivery) -> tuple[int, str]:
    """Return the status and what holds the delivery."""
    call = delivery.request_id
    sent = Sent(call, call, delivery.outcome, delivery.event_id, delivery.sha256)
    ledger.sending(sent)
    request = urllib.request.Request(system.urls[0], delivery.body, method="POST")  # noqa: S310 - the URL is ours
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=15) as answer:
            status, by = answer.status, json.load(answer)["durability"]
    except urllib.error.HTTPError as error:
        status, by = error.code, "nobody"
    verdict = Verdict.ACKED if status < 300 else Verdict.REFUSED
    ledger.answered(call, verdict, status)
    return int(status), by
