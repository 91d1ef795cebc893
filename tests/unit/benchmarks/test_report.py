from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Spread, compare
from benchmarks.options import FULL, SHORT, parse
from benchmarks.report import pages, results, tables
from benchmarks.report.machine import Machine
from benchmarks.report.results import Result
from benchmarks.subjects import SUBJECTS

MACHINE = Machine("a processor", 2, 24, "Linux 6", 0.5, "abc1234", {"Python": "3.11.7"})
FIGURE = compare("1 KB", "throughput", "1/s", [1100.0, 1200.0], [2200.0, 2400.0], aim="> 0.4")


def a_result(**fields: Any) -> Result:
    given: dict[str, Any] = {
        "subject": "ingress",
        "date": "2026-11-26 09:00 UTC",
        "form": "short",
        "rounds": 2,
        "seconds": 1.0,
        "machine": MACHINE,
        "figures": [FIGURE],
    }
    return Result(**given | fields)


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = "before\n<!-- figures begins -->\nold\n<!-- figures ends -->\nafter\n"

    written = pages.replace(page, "figures", "new")

    assert written == ("before\n<!-- figures begins -->\n\nnew\n\n<!-- figures ends -->\nafter\n")
    assert pages.replace(written, "figures", "new") == written


@pytest.mark.parametrize("page", ["", "<!-- figures begins -->", "<!-- figures ends -->"])
def test_a_page_without_its_markers_is_not_touched(page: str) -> None:
    with pytest.raises(pages.MarkerError, match="figures begins"):
        pages.replace(page, "figures", "new")


def test_the_page_of_this_repository_has_every_marker() -> None:
    page = pages.PAGE.read_text()

    for name in ("figures", "profile of ingress", "profile of storage"):
        pages.replace(page, name, "")


def test_a_table_shows_medians_spreads_ratio_aim_and_where_it_was_measured() -> None:
    text = tables.document([(SUBJECTS["ingress"], a_result())])

    assert "| 1 KB | throughput, 1/s | 1,150 (1,100 to 1,200) |" in text
    assert "2,300 (2,200 to 2,400) bare aiohttp | **0.50** | > 0.4 |" in text
    assert "2026-11-26 09:00 UTC, short form: 2 rounds of 1 s; a processor, 2 cores" in text
    assert "commit abc1234; Python 3.11.7" in text


def test_a_table_says_how_long_it_took_and_how_much_it_read() -> None:
    result = a_result(restarts=3, rows=100_000, took_s=61.4)

    text = tables.document([(SUBJECTS["storage"], result)])

    assert "2 rounds of 1 s (3 where processes start anew; 100,000 records), 61 s in all" in text


def test_what_could_not_be_measured_is_said_and_not_left_out() -> None:
    result = a_result(figures=[], left_out="no Kafka: no java")

    assert "Not measured: no Kafka: no java" in tables.document([(SUBJECTS["ingress"], result)])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0712, "0.07"), (2.345, "2.35"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_matter(value: float, text: str) -> None:
    assert tables.number(value) == text


def test_one_round_has_no_spread_to_show() -> None:
    assert tables.cell(Spread(2.0, 2.0, 2.0), "s") == "2.00 s"


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    results.write(a_result(), tmp_path)

    assert results.read("ingress", tmp_path) == a_result()
    assert results.read("storage", tmp_path) is None


def test_the_command_line_sizes_a_run() -> None:
    assert parse([], ["ingress"]).options == SHORT
    assert parse(["--full"], ["ingress"]).options == FULL
    call = parse(["--only", "ingress", "--rounds", "1", "--backlog", "7"], ["ingress", "start"])
    assert (call.only, call.options.rounds, call.options.backlog) == (["ingress"], 1, 7)


@pytest.mark.parametrize("wrong", [["--only", "nothing"], ["--rounds", "0"]])
def test_a_wrong_command_line_ends_with_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong, ["ingress"])

    assert ended.value.code == 2
    assert capsys.readouterr().err
