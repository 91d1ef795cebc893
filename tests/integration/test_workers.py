"""`inferbus ingest --workers N`: real processes, ended in every way, on a real Kafka."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.services import INFERBUS, ask
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

RECEIVED = ("inferbus_deliveries_received_total", "[]")


def _answered(samples: dict[tuple[str, str], float]) -> float:
    return sum(v for (name, _), v in samples.items() if name == "inferbus_deliveries_total")


def _is_balanced(ingest: Endpoint) -> bool:
    samples = ingest.metrics()
    return samples[RECEIVED] == _answered(samples) + samples["inferbus_inflight", "[]"]


def _counters(ingest: Endpoint) -> dict[tuple[str, str], float]:
    endings = ("_total", "_count", "_bucket", "_sum")
    return {key: value for key, value in ingest.metrics().items() if key[0].endswith(endings)}


def _assert_no_counter_fell(
    before: dict[tuple[str, str], float], after: dict[tuple[str, str], float]
) -> None:
    assert {
        key: (value, after.get(key)) for key, value in before.items() if value > after.get(key, -1)
    } == {}


@pytest.mark.parametrize("mode", ["fallback", "always"])
def test_killed_workers_lose_nothing_and_are_replaced(
    ingest: Endpoint, real_kafka: str, mode: str
) -> None:
    """
    Each of two dies under load, and a replacement; what was acknowledged is on Kafka, counted.

    In mode `always` the answers come from the journal, so that a worker leaves entries that
    its replacement has to publish.
    """
    answer = "spool" if mode == "always" else "kafka"
    ingest.start(2, INFERBUS_SPOOL__MODE=mode, INFERBUS_SPOOL__ANSWER=answer)
    wait_until(ingest.all_serve, ingest.checks)
    first = set(ingest.pids())
    sender = Sender(ingest.url)
    counters: dict[tuple[str, str], float] = {}
    with sender.running():
        for turn in range(3):
            sender.wait_for_acks(30)
            victim = ingest.pids()[turn % 2]
            end(victim, signal.SIGKILL)
            counters, before = _counters(ingest), counters
            _assert_no_counter_fell(before, counters)
            wait_until(
                lambda gone=victim: gone not in ingest.pids() and ingest.all_serve(), ingest.checks
            )
        sender.wait_for_acks(30)
    _assert_no_counter_fell(counters, _counters(ingest))
    assert len(first - set(ingest.pids())) == 2
    assert not [said for said in sender.others() if said[0] in ("no-connection", "refused")]
    wait_until(lambda: _is_balanced(ingest), ingest.metrics)
    assert _answered(ingest.metrics()) >= len(sender.acked)
    wait_until(lambda: ingest.metrics()["inferbus_spool_entries", "[]"] == 0, ingest.metrics)
    assert sender.acked <= published(real_kafka, f"{ingest.prefix}.succeeded")


@pytest.mark.parametrize("keeps_alive", [False, True])
def test_a_worker_that_is_told_to_end_costs_no_sender_anything(
    ingest: Endpoint, *, keeps_alive: bool
) -> None:
    """
    The others and its replacement take every connection; it finishes those it has.

    A connection that was kept and lay idle for all of the grace is closed at its end, which a
    sender may meet by chance; it is no refusal, and a call over a new one succeeds.
    """
    ingest.start(2, INFERBUS_INGEST__DRAIN_GRACE_S="3")
    sender = Sender(ingest.url, keeps_alive=keeps_alive)
    with sender.running():
        for _ in range(2):
            sender.wait_for_acks(30)
            victim = ingest.pids()[0]
            end(victim, signal.SIGTERM)
            wait_until(
                lambda gone=victim: gone not in ingest.pids() and ingest.all_serve(), ingest.checks
            )
        sender.wait_for_acks(30)
    others = sender.others()
    assert [said for said in others if not keeps_alive or said[0] != "broken"] == []
    print(f"broken at the end of the grace: {len(others)} of {len(sender.answers)}")  # noqa: T201
    assert _is_balanced(ingest)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_that_is_told_to_end_serves_until_nobody_comes(
    ingest: Endpoint, real_kafka: str, workers: int
) -> None:
    """A balancer that looks at /readyz ten times a second never meets a closed door."""
    ingest.start(workers, INFERBUS_INGEST__DRAIN_GRACE_S="4")
    sender = Sender(ingest.url, may_send=lambda: is_open)
    is_open = True
    with sender.running():
        sender.wait_for_acks(50)
        ingest.service.terminate()
        wait_until(lambda: not ingest.is_ready())
        sender.wait_for_acks(10)
        is_open = False
        status = ingest.service.wait_ended(40)
    assert status == 0, ingest.service.log[-3000:]
    assert sender.others() == []
    assert sender.acked <= published(real_kafka, f"{ingest.prefix}.succeeded")


def test_connections_are_let_go_with_their_answer_on_the_way_out(ingest: Endpoint) -> None:
    """A sender that keeps its connection is told to make a new one."""
    ingest.start(2, INFERBUS_INGEST__DRAIN_GRACE_S="5")
    ingest.service.terminate()
    wait_until(lambda: not ingest.is_ready())
    said = subprocess.run(
        ["curl", "-si", "-d", "{}", ingest.url], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("HTTP/1.1 202")
    assert "connection: close" in said.lower()


def test_fewer_workers_adopt_what_more_have_left(ingest: Endpoint, real_kafka: str) -> None:
    """Four fill their sub-spools while Kafka is away and are killed; two publish it all."""
    ingest.start(
        4,
        INFERBUS_KAFKA__BOOTSTRAP_SERVERS=NOBODY,
        INFERBUS_INGEST__PUBLISH_DEADLINE_S="0.2",
    )
    wait_until(ingest.all_serve, ingest.checks)
    sender = Sender(ingest.url)
    with sender.running():
        wait_until(
            lambda: len([s for s in ingest.spooled().values() if s > 2000]) == 4, ingest.spooled
        )
    assert sender.others() == []
    ingest.service.kill()

    ingest.start(2)

    expected = sender.acked
    wait_until(
        lambda: sum(ingest.metrics()[k, "[]"] for k in ("inferbus_spool_entries",)) == 0,
        ingest.metrics,
    )
    assert expected <= published(real_kafka, f"{ingest.prefix}.succeeded")


def test_workers_end_with_their_parent(tmp_path: Path, topic_prefix: str) -> None:
    """A parent that is killed leaves neither processes nor a taken port nor a held lock."""
    with endpoint(tmp_path, NOBODY, topic_prefix) as ingest:
        ingest.start(2)
        workers = ingest.pids()
        assert len(workers) == 2
        ingest.service.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in workers))
        ingest.start(2)
        assert ask(f"{ingest.service.admin_url}/livez")[0] == 200


def test_without_kafka_the_service_is_ready_and_says_who_lacks_what(
    tmp_path: Path, topic_prefix: str
) -> None:
    """The spool makes deliveries durable; without one nobody does, and that is no death."""
    with endpoint(tmp_path, NOBODY, topic_prefix) as ingest:
        ingest.start(2)
        wait_until(ingest.all_serve, ingest.checks)
        wait_until(
            lambda: ingest.checks()["kafka"]["reason"].startswith("workers 0, 1: "), ingest.checks
        )
        assert ingest.checks()["kafka"]["status"] == "degraded"
        assert ingest.service.stop() == 0

        ingest.service.start(INFERBUS_INGEST__WORKERS="2", INFERBUS_SPOOL__MODE="off")
        ingest.service.wait_alive(60)
        wait_until(
            lambda: ingest.checks().get("kafka", {}).get("status") == "failing", ingest.checks
        )
        wait_until(lambda: ingest.checks()["worker 1"]["reason"] == "unready: kafka", ingest.checks)
        assert ask(f"{ingest.service.admin_url}/readyz")[0] == 503
        assert ask(f"{ingest.service.admin_url}/livez")[0] == 200


@pytest.mark.parametrize(
    ("settings", "status", "line"),
    [
        ({"INFERBUS_SPOOL__DIR": "/dev/null"}, 1, "cannot use the spool /dev/null"),
        ({"INFERBUS_INGEST__AUTH": "signed-url"}, 2, "INFERBUS_INGEST__SIGNING_KEYS"),
    ],
)
def test_workers_that_cannot_start_end_the_service_with_one_line(
    tmp_path: Path, topic_prefix: str, settings: dict[str, str], status: int, line: str
) -> None:
    """It is the line, and the status, that one process alone would give."""
    with endpoint(tmp_path, NOBODY, topic_prefix) as ingest:
        done = subprocess.run(
            [INFERBUS, "ingest", "--workers", "2"],
            env=ingest.service.environment | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
    said = [each for each in done.stderr.splitlines() if not each.startswith("{")]
    assert done.returncode == status, done.stderr
    assert len(said) == 1
    assert line in said[0]
