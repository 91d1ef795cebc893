"""The examples of the README run as they stand."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.devbroker import EmbeddedBroker
from bus.kafka import KafkaBus
from bus.protocols import Publisher
from bus.records import Record, event_record
from bus.runtime.settings_sections import KafkaSettings, TopicSettings
from bus.topics import ensure_topics
from schemas.callback import parse_keys, verify
from schemas.codec import decode_event
from schemas.topics import TopicNames
from tests.support.schemas import EXAMPLES, ROOT

pytestmark = [pytest.mark.embedded]

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
CONSUME = ROOT / "examples" / "consume.py"


@pytest.fixture
async def bootstrap_servers(tmp_path: Path) -> AsyncIterator[str]:
    """Run an embedded broker with all topics."""
    broker = EmbeddedBroker(tmp_path)
    await broker.start()
    try:
        await asyncio.to_thread(_create_topics, broker.bootstrap_servers)
        yield broker.bootstrap_servers
    finally:
        await broker.stop()


async def test_the_consumer_of_the_readme_prints_each_job_once(bootstrap_servers: str) -> None:
    """Published twice, printed once; a job of the other topic follows."""
    first, second = _example("succeeded-text"), _example("failed")
    await _publish(bootstrap_servers, first, first, second)

    lines = await asyncio.to_thread(_first_lines, bootstrap_servers, 2)

    assert sorted(lines) == [
        "failed Rfail000000000000000000001 None 0.0",
        f"succeeded R7X9mLQ2vT4bN8cK1dF6gH3j {MODEL} 0.0001140000022132881",
    ]


def test_the_readme_shows_the_example_as_it_is() -> None:
    """What a newcomer copies is what was tested."""
    assert any(CONSUME.read_text("utf-8").endswith(block) for block in _readme_blocks())


def test_the_readmes_callback_url_is_valid() -> None:
    """The snippet mints a URL that the ingress would accept, with everything it says."""
    (snippet,) = (block for block in _readme_blocks() if "callback.url" in block)
    names: dict[str, str] = {}

    exec(snippet, names)  # noqa: S102 - our own README

    credential = names["webhook"].rsplit("/", 1)[1]
    says = verify(credential, "deepinfra", parse_keys("k1:a-secret-of-at-least-16-bytes"))
    assert (says.model, says.job) == ("openai/whisper-large-v3", "night-7")
    assert says.labels == {"customer": "acme"}


def _readme_blocks() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def _example(name: str) -> Record:
    value = (EXAMPLES / "event" / f"{name}.json").read_bytes().removesuffix(b"\n")
    return event_record(decode_event(value), TopicNames())


def _create_topics(bootstrap_servers: str) -> None:
    admin = KafkaBus(KafkaSettings(bootstrap_servers=bootstrap_servers)).admin()
    try:
        ensure_topics(admin, TopicNames(), TopicSettings(partitions=1))
    finally:
        admin.close()


async def _publish(bootstrap_servers: str, *records: Record) -> None:
    bus = KafkaBus(KafkaSettings(bootstrap_servers=bootstrap_servers))
    publisher: Publisher = bus.publisher("test")
    try:
        for record in records:
            await publisher.publish(record)
    finally:
        await asyncio.to_thread(publisher.close)


def _first_lines(bootstrap_servers: str, count: int) -> list[str]:
    """Run the example until it has printed so many lines; one more would be a duplicate."""
    process = subprocess.Popen(
        [sys.executable, CONSUME, bootstrap_servers], stdout=subprocess.PIPE, text=True
    )
    # The example reads for ever: whatever goes wrong, it ends.
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        return [process.stdout.readline().strip() for _ in range(count)]
    finally:
        killer.cancel()
        process.kill()
        process.communicate()
