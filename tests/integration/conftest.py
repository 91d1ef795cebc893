"""An endpoint per test; `overrides` and `spool_mode` are parametrized where a test needs them."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from bus.runtime.health import Health
from bus.runtime.logs import configure_logs
from bus.runtime.settings import load_settings
from ingest.report import DeliveryReport
from ingest.service import IngestService
from tests.support import workers
from tests.support.endpoint import KEYS, Endpoint, GatedPublisher


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {}


@pytest.fixture
def spool_mode() -> str:
    return "fallback"


@pytest.fixture
async def endpoint(
    tmp_path: Path, overrides: dict[str, Any], spool_mode: str
) -> AsyncIterator[Endpoint]:
    ingest = {"port": 0, "signing_keys": KEYS, "publish_deadline_s": 0.5, **overrides}
    settings = load_settings(data_dir=tmp_path, ingest=ingest, spool={"mode": spool_mode})
    publisher, reports = GatedPublisher(), list[DeliveryReport]()
    service = IngestService(settings, publisher, Health(), observe=reports.append)  # type: ignore[arg-type] # only what ingest uses
    await service.start()
    async with ClientSession() as session:
        yield Endpoint(service, publisher, reports, session)
    publisher.gate.set()
    await service.stop()


@pytest.fixture
def json_logs() -> Iterator[StringIO]:
    """What is logged, as a service does it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    said = StringIO()
    with contextlib.redirect_stderr(said):
        configure_logs("info", "json")
    yield said
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def ingest(tmp_path: Path, real_kafka: str, topic_prefix: str) -> Iterator[workers.Endpoint]:
    """An `inferbus ingest` of its own processes, not started, on a Kafka with its topics."""
    with workers.endpoint_with_topics(tmp_path, real_kafka, topic_prefix) as made:
        yield made
