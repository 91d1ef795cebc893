"""Answers from the journal, a relay that publishes: real processes on a real Kafka."""

import signal
from pathlib import Path

import pytest

from tests.faults.services import children
from tests.support.workers import (
    NOBODY,
    Endpoint,
    Sender,
    end,
    endpoint,
    is_alive,
    published,
    wait_until,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

_FROM_JOURNAL = {"INFERBUS_SPOOL__MODE": "always", "INFERBUS_SPOOL__ANSWER": "spool"}


def _relays(ingest: Endpoint) -> list[int]:
    """Return the process ids of the relays of an ingest without further workers."""
    return children(ingest.service.pid, "inferbus.relay")


def _is_all_published(ingest: Endpoint) -> bool:
    return ingest.metrics()["inferbus_spool_entries", "[]"] == 0


def test_a_relay_that_dies_or_stands_still_loses_nothing(ingest: Endpoint, real_kafka: str) -> None:
    """What it has not answered for is published all the same; another one takes its place."""
    ingest.start(1, **_FROM_JOURNAL)
    sender = Sender(ingest.url)
    with sender.running():
        for number in (signal.SIGKILL, signal.SIGSTOP):
            wait_until(lambda: len(_relays(ingest)) == 1)
            sender.wait_for_acks(100)
            (victim,) = _relays(ingest)
            end(victim, number)
            wait_until(lambda gone=victim: gone not in _relays(ingest))
        wait_until(lambda: len(_relays(ingest)) == 1)
        sender.wait_for_acks(100)

    assert sender.others() == []
    wait_until(lambda: _is_all_published(ingest), ingest.metrics)
    assert sender.acked <= published(real_kafka, f"{ingest.prefix}.succeeded")
    (last,) = _relays(ingest)
    assert ingest.service.stop() == 0, ingest.service.log[-3000:]
    assert not is_alive(last)


def test_an_ingest_that_dies_takes_its_relay_along_and_publishes_the_rest_later(
    ingest: Endpoint, real_kafka: str
) -> None:
    """Its successor finds the lock free and the entries on disk."""
    ingest.start(1, **_FROM_JOURNAL)
    sender = Sender(ingest.url)
    with sender.running():
        sender.wait_for_acks(100)
        (relay,) = _relays(ingest)
        ingest.service.kill()
    wait_until(lambda: not is_alive(relay))

    ingest.start(1, **_FROM_JOURNAL)

    wait_until(lambda: _is_all_published(ingest), ingest.metrics)
    assert sender.acked <= published(real_kafka, f"{ingest.prefix}.succeeded")


def test_without_kafka_it_answers_from_the_journal_and_says_what_is_missing(
    tmp_path: Path, topic_prefix: str
) -> None:
    with endpoint(tmp_path, NOBODY, topic_prefix) as ingest:
        ingest.start(1, **_FROM_JOURNAL)
        sender = Sender(ingest.url)
        with sender.running():
            sender.wait_for_acks(50)
        assert sender.others() == []
        assert ingest.metrics()["inferbus_spool_entries", "[]"] == len(sender.acked)
        assert ingest.checks()["kafka"]["status"] == "degraded"
        assert ingest.service.stop() == 0, ingest.service.log[-3000:]
