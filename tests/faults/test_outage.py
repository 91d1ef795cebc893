"""`inferbus simulate` while the broker is away, and `inferbus audit` once it is back."""

import json
from typing import Any

import pytest

from tests.faults.draining import wait_drained
from tests.faults.report import REPORT, full_form_only, scaled
from tests.faults.stored import read_stored
from tests.faults.system import System
from tests.support.kafka import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(600)]

SECONDS = int(scaled(4, 60))
RATE = 20


def test_simulate_through_an_outage_with_a_spool(one_node: KafkaCluster, system: System) -> None:
    """Only 2xx, made durable by the spool; then all of it is in the books."""
    one_node.kill(1)
    played = _simulate(system)
    one_node.restart(1)
    wait_drained(system.drained(), 120)
    audit = _audit(system)
    _report("with the spool", played, audit)

    assert set(played["durability"]) == {"spool"}
    assert played["durability"]["spool"] == played["attempts"] == sum(played["answered"].values())
    assert all(code.startswith("2") for code in played["answered"])
    assert audit["is_balanced"], audit


@full_form_only
def test_simulate_through_an_outage_without_a_spool(one_node: KafkaCluster, system: System) -> None:
    """Only 503: nothing is promised that cannot be kept."""
    ingest = system["ingest"]
    ingest.stop()
    ingest.start(INFERBUS_SPOOL__MODE="off")
    ingest.wait_ready()
    one_node.kill(1)
    played = _simulate(system)
    one_node.restart(1)
    ingest.stop()
    ingest.start()
    ingest.wait_ready()
    wait_drained(system.drained(), 120)
    audit = _audit(system)
    _report("without a spool", played, audit)

    assert set(played["answered"]) == {"503"}
    assert played["durability"] == {}
    assert audit["is_balanced"], audit


def _simulate(system: System) -> dict[str, Any]:
    jobs = ["--count", str(RATE * SECONDS), "--rate", str(RATE), "--concurrency", "64"]
    url = ["--url", system.url_of("ingest")]
    done = system.run("simulate", *url, *jobs, "--retries", "0", "--json", "--duplicates", "0.1")
    assert done.stdout, done.stderr
    played: dict[str, Any] = json.loads(done.stdout)
    return played


def _audit(system: System) -> dict[str, Any]:
    """Return what an audit of everything says; what simulate sent is known from then on."""
    done = system.run("audit", "--json", **system["ingest"].environment)
    assert done.stdout, done.stderr
    system.known |= read_stored(system.database_url).keys
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _report(how: str, played: dict[str, Any], audit: dict[str, Any]) -> None:
    REPORT.add(
        row="SIM",
        what=f"`simulate` through a broker outage of {SECONDS} s {how}, then `audit`",
        calls=played["attempts"],
        acked=sum(n for code, n in played["answered"].items() if code.startswith("2")),
        spooled=played["durability"].get("spool", 0),
        refused=sum(n for code, n in played["answered"].items() if not code.startswith("2")),
        unknown=sum(played["unanswered"].values()),
        verdict="the books balance" if audit["is_balanced"] else "FAILS: the books differ",
    )
