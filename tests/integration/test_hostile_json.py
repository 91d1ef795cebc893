"""Hostile bodies through the endpoint, a real Kafka and both databases, all in one run."""

import asyncio
import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession
from pydantic import SecretStr
from sqlalchemy import Table, select

from bus.blobs import open_blobs
from bus.kafka import KafkaBus
from bus.records import ReceivedRecord
from bus.runtime.health import Health
from bus.runtime.logs import configure_logs
from bus.runtime.settings import Settings
from bus.runtime.settings_sections import IngestSettings, KafkaSettings
from bus.runtime.visible import visible
from bus.topics import ensure_topics
from consumers.database import open_engine, reading, upgrade
from consumers.storage import queries
from consumers.storage.service import StorageService
from consumers.storage.tables import EVENTS, QUARANTINE
from ingest.service import IngestService
from schemas.callback import mint, parse_keys
from schemas.topics import TopicNames
from tests.support.consuming import settings_for, until
from tests.support.hostile import CORPUS, Case

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

KEYS = "k1:0123456789abcdef0123456789abcdef"
_AT_ONCE = 16
_NOT_COMPARED = ("stored_at",)

Answers = dict[str, tuple[int, dict[str, Any]]]
Rows = dict[str, dict[str, Any]]


@pytest.fixture
def log_text(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the log says to people."""
    handlers, level = logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("info", "console")
    yield written
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def settings(tmp_path: Path, topic_prefix: str, postgres_url: str) -> list[Settings]:
    """One for each database, with a group of its own; all else is shared."""
    urls = {"sqlite": f"sqlite:///{tmp_path / 'inferbus.db'}", "postgresql": postgres_url}
    return [
        settings_for(tmp_path, url, topic_prefix).model_copy(
            update={
                "kafka": KafkaSettings(group_prefix=f"{topic_prefix}-{engine}"),
                "ingest": IngestSettings(port=0, signing_keys=SecretStr(KEYS)),
            }
        )
        for engine, url in urls.items()
    ]


async def test_what_the_endpoint_takes_both_databases_keep(
    settings: list[Settings], kafka_bus: KafkaBus, log_text: io.StringIO
) -> None:
    """
    Each body becomes the row that was answered, byte for byte, in either database alike.

    None is parked, none is refused, and nothing of them steers a terminal from a log line, a
    key or a header.
    """
    names = TopicNames(settings[0].topics.prefix)
    ensure_topics(kafka_bus.admin(), names, settings[0].topics)
    for each in settings:
        await asyncio.to_thread(upgrade, each.database_url)

    async with _running(settings, kafka_bus) as url:
        answers = await _send_all(url)
        for each in settings:
            await until(lambda e=each: _is_complete(e), lambda e=each: _totals(e))

    assert _wrong_answers(answers) == []
    stored = [_stored(each) for each in settings]
    for rows in stored:
        assert _wrong_rows(answers, rows) == []
    assert stored[0] == stored[1]
    records = _records(kafka_bus, names)
    assert len(records) == len(CORPUS)
    assert [text for record in records for text in _texts(record) if visible(text) != text] == []
    lines = log_text.getvalue().split("\n")
    assert len(lines) > len(CORPUS)
    assert [line for line in lines if visible(line) != line] == []


@asynccontextmanager
async def _running(settings: Sequence[Settings], bus: KafkaBus) -> AsyncIterator[str]:
    """Run the endpoint and a storage for each database; give the endpoint's URL."""
    failures: list[str] = []
    publisher = bus.publisher("hostile")
    ingest = IngestService(settings[0], publisher, Health())
    parts = [
        ingest,
        *(StorageService(each, bus, Health(), failures.append) for each in settings),
    ]
    for part in parts:
        await part.start()
    try:
        yield ingest.url
    finally:
        for part in parts:
            await part.stop()
        await asyncio.to_thread(publisher.close)
    assert failures == []


async def _send_all(url: str) -> Answers:
    """Deliver every case once; return status and answer by name."""
    key = parse_keys(KEYS)[0]
    urls = {provider: mint(url, provider, key) for provider in ("deepinfra", "replicate")}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def send(session: ClientSession, case: Case) -> tuple[str, tuple[int, dict[str, Any]]]:
        async with slots, session.post(urls[case.provider], data=case.body) as answer:
            return case.name, (answer.status, await answer.json())

    async with ClientSession() as session:
        return dict(await asyncio.gather(*(send(session, case) for case in CORPUS)))


def _wrong_answers(answers: Answers) -> list[str]:
    wrong = []
    for case in CORPUS:
        status, answer = answers[case.name]
        outcome = answer["events"][0]["outcome"] if status < 300 else None
        expected = (202, case.verdict) if case.is_quarantined else (200, case.verdict)
        if (status, answer.get("reason") or outcome) != expected:
            wrong.append(f"{case.name}: {status} {answer}")
    return wrong


def _wrong_rows(answers: Answers, rows: Rows) -> list[str]:
    wrong = []
    for case in CORPUS:
        row = rows.get(answers[case.name][1]["events"][0]["event_id"])
        if row is None:
            wrong.append(f"{case.name}: no row")
        elif row["body"] != case.body:
            wrong.append(f"{case.name}: other bytes")
        elif found := _differences(case, row):
            wrong.append(f"{case.name}: {found}")
    return wrong


def _differences(case: Case, row: dict[str, Any]) -> dict[str, object]:
    if case.is_quarantined:
        return {} if row["reason"] == case.verdict else {"reason": row["reason"]}
    shown = dict(row)
    if shown["request_id"].startswith("sha256-"):
        shown["request_id"] = None
    if shown["cost_usd"] is not None:
        shown["cost_usd"] = format(shown["cost_usd"], "f")
    expected = {"outcome": case.verdict, **case.row}
    return {name: shown[name] for name in expected if shown[name] != expected[name]}


def _stored(settings: Settings) -> Rows:
    """Return all rows of events and quarantine by event id, bodies out of the blob store too."""
    blobs = open_blobs(settings.blobs_url)
    engine = open_engine(settings.database_url)
    try:
        rows: Rows = {}
        for table in (EVENTS, QUARANTINE):
            rows |= {row["event_id"]: row for row in _table(engine, table)}
    finally:
        engine.dispose()
    for row in rows.values():
        if row["body_ref"]:
            row["body"] = blobs.get(row["body_sha256"])
    return rows


def _table(engine: Any, table: Table) -> list[dict[str, Any]]:
    columns = [column for column in table.columns if column.name not in _NOT_COMPARED]
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(select(*columns)).mappings()]


def _totals(settings: Settings) -> dict[str, int]:
    engine = open_engine(settings.database_url)
    try:
        return queries.totals(engine)
    finally:
        engine.dispose()


def _is_complete(settings: Settings) -> bool:
    held = sum(case.is_quarantined for case in CORPUS)
    return _totals(settings) == {
        "events": len(CORPUS) - held,
        "conflicts": 0,
        "quarantine": held,
        "dead_letters": 0,
    }


def _records(bus: KafkaBus, names: TopicNames) -> list[ReceivedRecord]:
    reader = bus.read(names.all)
    records: list[ReceivedRecord] = []
    while batch := reader.poll(3.0):
        records += batch
    reader.close()
    return records


def _texts(record: ReceivedRecord) -> list[str]:
    raw = [record.key or b"", *(value for _, value in record.headers)]
    return [each.decode() for each in raw]
