"""What a process received is what it answered and has in flight, to the delivery."""

import pytest

from inferbus.audit.processes import Deliveries, read_metrics, unbalanced

PAGE = """\
# HELP inferbus_deliveries_received_total Webhook calls that reached the endpoint.
# TYPE inferbus_deliveries_received_total counter
inferbus_deliveries_received_total 12.0
# HELP inferbus_deliveries_total Webhook calls by answer.
# TYPE inferbus_deliveries_total counter
inferbus_deliveries_total{provider="deepinfra",status="published"} 7.0
inferbus_deliveries_total{provider="other",status="published"} 1.0
inferbus_deliveries_total{provider="deepinfra",status="refused"} 2.0
# HELP inferbus_deliveries_created Not to be counted.
# TYPE inferbus_deliveries_created gauge
inferbus_deliveries_created{provider="deepinfra",status="published"} 1.7e9
# HELP inferbus_inflight Deliveries in flight.
# TYPE inferbus_inflight gauge
inferbus_inflight 2.0
# HELP inferbus_inflight_bytes Bytes.
# TYPE inferbus_inflight_bytes gauge
inferbus_inflight_bytes 1000.0
"""


def test_a_metrics_page_is_read() -> None:
    """Over all providers, by status; like-named metrics are left out."""
    assert read_metrics(PAGE) == Deliveries(12, 2, {"published": 8, "refused": 2})


def test_a_process_without_deliveries_balances() -> None:
    """Counters with labels are not there before their first use."""
    assert read_metrics("").is_balanced


@pytest.mark.parametrize(
    ("received", "inflight", "answered", "is_balanced"),
    [(12, 2, 10, True), (12, 0, 10, False), (12, 2, 11, False), (10, 0, 10, True)],
)
def test_one_delivery_too_many_or_too_few_is_found(
    received: int,
    inflight: int,
    answered: int,
    is_balanced: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """Each delivery is counted once, under what it was answered."""
    counted = Deliveries(received, inflight, {"published": answered})

    assert counted.is_balanced is is_balanced


def test_the_difference_says_the_figures() -> None:
    """So that the reader sees which side is short."""
    found = unbalanced("http://127.0.0.1:8081", Deliveries(3, 1, {"published": 1}))

    assert found.what == "deliveries"
    assert "received 3, answered 1, has 1 in flight" in found.detail
