import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.answers import AnswerError, complete, is_spooled, status_of
from benchmarks.load.bodies import MIX, body, kinds
from benchmarks.load.client import Open
from benchmarks.load.plan import Load
from benchmarks.load.tally import Tally

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"durability":"spool","}'


@pytest.mark.parametrize(
    ("kind", "size"),
    [("1 KB", 1024), ("20 KB", 20_480), ("165 KB", 168_960), ("2 MB", 2**21), ("64 KB", 65_536)],
)
def test_bodies_are_json_of_about_the_size_they_are_called(kind: str, size: int) -> None:
    content = body(kind).whole(b"B" + b"0" * 23)

    assert json.loads(content)["request_id"] == "B" + "0" * 23
    assert len(content) == pytest.approx(size, rel=0.05)
    assert len(content) == body(kind).size(24)


def test_the_mix_is_90_8_2_and_the_same_each_time() -> None:
    drawn = list(itertools.islice(kinds(MIX), 10_000))

    assert drawn == list(itertools.islice(kinds(MIX), 10_000))
    assert drawn.count("1 KB") == pytest.approx(9000, rel=0.02)
    assert drawn.count("2 MB") == pytest.approx(200, rel=0.25)


@given(st.integers(0, len(ANSWER) - 1))
def test_an_answer_is_complete_with_its_last_byte_only(end: int) -> None:
    assert not complete(ANSWER[:end])
    assert complete(ANSWER)


def test_an_answer_without_a_body_is_complete_with_its_head() -> None:
    assert complete(b"HTTP/1.1 202 Accepted\r\n\r\n")


def test_a_chunked_answer_is_an_error_and_not_miscounted() -> None:
    with pytest.raises(AnswerError):
        complete(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_an_answer_tells_its_status_and_who_keeps_the_delivery() -> None:
    assert status_of(ANSWER) == "200"
    assert is_spooled(ANSWER)
    assert not is_spooled(b'{"durability":"kafka"}')


def test_percentiles_are_of_acknowledged_answers_only() -> None:
    tally = Tally()
    for latency_s in range(1, 101):
        tally.add(b"HTTP/1.1 200 OK", latency_s / 1000)
    tally.add(b"HTTP/1.1 503 Service Unavailable", 9.0)

    assert tally.percentiles_ms(0.5, 0.99, 1.0) == pytest.approx([50.0, 99.0, 100.0])
    assert tally.answers == {"200": 100, "503": 1}


def test_percentiles_of_nothing_are_zero() -> None:
    assert Tally().percentiles_ms(0.5) == [0.0]


def test_an_open_loop_counts_latency_from_when_a_delivery_was_due() -> None:
    """A stall delays sending; the moments at which deliveries were due do not move with it."""
    pace = Open(rate=10.0, starts_at=100.0)

    assert pace.take(100.0) == pytest.approx(100.0)
    assert pace.take(100.05) is None
    assert [pace.take(100.5) for _ in range(3)] == pytest.approx([100.1, 100.2, 100.3])
    assert pace.wait_s(100.35) == pytest.approx(0.05)


def test_an_open_loop_knows_what_found_no_connection() -> None:
    pace = Open(rate=10.0, starts_at=0.0)
    pace.take(0.0)

    assert pace.missed(0.95) == 9


def test_goodput_counts_answers_2xx() -> None:
    load = Load(
        seconds=2.0,
        answers={"200": 90, "202": 10, "503": 50},
        spooled=0,
        unsent=0,
        cut=0,
        p50_ms=1,
        p99_ms=1,
        max_ms=1,
        cpu_s=0.1,
    )

    assert (load.acknowledged, load.refused, load.per_second) == (100, 50, 50.0)
