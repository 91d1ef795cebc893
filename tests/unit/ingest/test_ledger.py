"""The books of the endpoint: each delivery once, whatever becomes of it."""

import asyncio

import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ingest.ledger import Ledger
from ingest.load import Load, OverloadedError
from ingest.report import Answer, DeliveryReport, refused


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_an_open_delivery_is_in_flight_until_it_is_closed() -> None:
    received = count("inferbus_deliveries_received_total")
    entry = Ledger(Load(9, 9)).open()
    entry.provider = "deepinfra"
    published = count("inferbus_deliveries_total", provider="deepinfra", status="published")
    assert count("inferbus_inflight") == 1

    entry.close(Answer("published", "kafka"), 200)

    assert count("inferbus_inflight") == 0
    assert count("inferbus_deliveries_received_total") - received == 1
    labels = {"provider": "deepinfra", "status": "published"}
    assert count("inferbus_deliveries_total", **labels) - published == 1


def test_a_body_that_was_not_read_is_not_measured() -> None:
    """Refusals would make bodies look small."""
    before = count("inferbus_delivery_body_bytes_count")

    Ledger(Load(9, 9)).open().close(refused("unauthenticated", "no"), 401)

    assert count("inferbus_delivery_body_bytes_count") == before


def test_a_failing_watcher_harms_nobody() -> None:
    def fail(_report: DeliveryReport) -> None:
        raise RuntimeError("the terminal is gone")

    with capture_logs() as lines:
        Ledger(Load(9, 9), fail).open().close(Answer("published", "kafka"), 200)

    assert [line["event"] for line in lines] == ["delivery_answered", "observer_failed"]


def test_a_closed_log_harms_nobody() -> None:
    """Standard error may be a pipe whose reader is gone."""

    def broken(*_: object) -> dict[str, object]:
        raise BrokenPipeError

    reports: list[DeliveryReport] = []
    structlog.configure(processors=[broken])
    try:
        Ledger(Load(9, 9), reports.append).open().close(Answer("published", "kafka"), 200)
    finally:
        structlog.reset_defaults()

    assert [report.status for report in reports] == ["published"]


async def test_idle_waits_for_the_last_delivery() -> None:
    ledger = Ledger(Load(9, 9))
    first, second = ledger.open(), ledger.open()
    waiting = asyncio.ensure_future(ledger.idle())

    first.close(refused("method", ""), 405)
    await asyncio.sleep(0)
    assert not waiting.done()
    second.close(refused("method", ""), 405)
    await waiting


def test_bytes_are_bounded_and_given_back() -> None:
    """What one delivery leaves is there for the next."""
    load = Load(max_deliveries=2, max_bytes=10)
    first, second = load.begin(), load.begin()
    first.take(8)

    with pytest.raises(OverloadedError):
        second.take(3)
    first.end()
    second.take(10)
    second.end()


def test_one_delivery_too_many_is_refused() -> None:
    load = Load(max_deliveries=1, max_bytes=10)
    first, second = load.begin(), load.begin()

    first_refused = pytest.raises(OverloadedError, match="1 deliveries")
    with first_refused:
        second.take(0)
    second.end()
    first.take(1)
    first.end()
