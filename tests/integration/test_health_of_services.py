"""`/readyz` names what a service lacks, `/livez` never does: real processes with nothing around."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.services import INFERBUS, Service, ask, clean_environment
from tests.support.kafka.ports import ReservedPorts
from tests.support.workers import NOBODY, PATIENCE_S, wait_until

# What each service must say while neither Kafka nor the database is there.
LACKING = {
    "ingest": {"kafka", "spool", "ingest"},
    "storage": {"storage", "storage_database"},
    "alerting": {"alerting", "alerting_database"},
}
POSTGRESQL = f"postgresql+psycopg://nobody:no-secret-of-ours@{NOBODY}/nothing"


@pytest.fixture(params=sorted(LACKING))
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service that runs with a Kafka and a PostgreSQL that are not there."""
    with ReservedPorts() as ports:
        admin_port = ports.reserve()
        settings = {
            "INFERBUS_DATA_DIR": str(tmp_path),
            "INFERBUS_KAFKA__BOOTSTRAP_SERVERS": NOBODY,
            "INFERBUS_STORAGE__URL": POSTGRESQL,
            "INFERBUS_INGEST__AUTH": "none",
            "INFERBUS_INGEST__PORT": str(ports.reserve()),
            f"INFERBUS_{request.param.upper()}__ADMIN_PORT": str(admin_port),
        }
        admin_url = f"http://127.0.0.1:{admin_port}"
        command, environment = [INFERBUS, request.param], clean_environment(settings)
        made = Service(request.param, command, environment, tmp_path, admin_url)
        try:
            made.start()
            made.wait_alive(PATIENCE_S)
            yield made
        finally:
            made.kill()


def _said(service: Service) -> tuple[int, dict[str, dict[str, str | None]]]:
    status, said = ask(f"{service.admin_url}/readyz")
    return status, json.loads(said)["checks"] if status else {}


def test_a_service_without_kafka_and_database_lives_and_says_what_it_lacks(
    service: Service,
) -> None:
    """Ingest has its spool and is ready with Kafka degraded; consumers have nothing to do."""
    wait_until(lambda: LACKING[service.name] <= _said(service)[1].keys(), lambda: _said(service))
    name = "kafka" if service.name == "ingest" else service.name
    wait_until(lambda: NOBODY in str(_said(service)[1][name]["reason"]), lambda: _said(service))

    status, checks = _said(service)
    if service.name == "ingest":
        assert (status, checks["kafka"]["status"]) == (200, "degraded")
        assert checks["spool"] == {"status": "ok", "reason": None}
    else:
        assert (status, checks[name]["status"]) == (503, "failing")
        wait_until(
            lambda: _said(service)[1][f"{name}_database"]["status"] == "failing",
            lambda: _said(service),
        )
        assert _said(service)[1][f"{name}_database"]["reason"]
    assert "no-secret-of-ours" not in str(_said(service))
    assert ask(f"{service.admin_url}/livez")[0] == 200
    assert ask(f"{service.admin_url}/metrics")[0] == 200
    assert service.stop() == 0
