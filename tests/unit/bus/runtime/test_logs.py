"""Logs never hold a body or a secret, also when something raises."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from aiohttp import ClientConnectionResetError
from aiohttp.http_exceptions import BadHttpMessage

from bus.runtime.logs import configure_logs, info_all


@pytest.fixture(autouse=True)
def logs_put_back() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def fails_with(body: str) -> None:
    """Hold the body in a local variable when it raises."""
    kept = body
    raise ValueError(f"a body of {len(kept)} bytes")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str], style: Literal["json", "console"]
) -> None:
    """They hold inference results, callback URLs and keys."""
    configure_logs("info", style)

    try:
        fails_with("hush" * 3)
    except ValueError:
        structlog.get_logger().exception("it_failed")
        logging.getLogger("other").exception("it failed too")

    said = capsys.readouterr().err
    assert said.count("a body of 12 bytes") >= 2
    assert "hushhush" not in said


def test_a_credential_in_a_url_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")

    structlog.get_logger().info("seen", url="http://h/webhooks/deepinfra/k1.e30.hush")

    line: dict[str, Any] = json.loads(capsys.readouterr().err)
    assert line["url"] == "http://h/webhooks/deepinfra/***"


_STEERING = "a\nb\x1b[31m\x9b2J\u202e\x7f"


@pytest.mark.parametrize("style", ["json", "console"])
def test_nothing_in_a_line_steers_the_terminal(
    capsys: pytest.CaptureFixture[str], style: Literal["json", "console"]
) -> None:
    """Models, summaries and words of a provider stand in lines; each stays one line."""
    configure_logs("info", style)

    structlog.get_logger().info("seen", model=_STEERING, group={"model": _STEERING})
    logging.getLogger("other").warning(_STEERING)

    lines = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert len(lines) == 2
    assert not any(char in line for line in lines for char in "\x1b\x9b\u202e\x7f")
    if style == "json":
        assert json.loads(lines[0])["model"] == json.loads(lines[1])["event"] == _STEERING


@pytest.mark.parametrize(("level", "is_told"), [("info", False), ("debug", True)])
def test_the_clients_failed_attempts_are_told_at_debug_only(level: Any, *, is_told: bool) -> None:
    """They come several a second, and the bus says once what is wrong."""
    configure_logs(level)

    assert logging.getLogger("kafka.net.manager").isEnabledFor(logging.ERROR) is is_told


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (BadHttpMessage("hush"), "call malformed: BadHttpMessage"),
        (ClientConnectionResetError("hush"), "call broken off: ClientConnectionResetError"),
    ],
)
def test_a_strangers_fault_is_one_line(
    capsys: pytest.CaptureFixture[str], fault: Exception, line: str
) -> None:
    """On the admin port too: no traceback for a stranger's bytes, which are not quoted."""
    configure_logs("info", "json")
    server = logging.getLogger("aiohttp.server")

    server.error("Error handling request from %s", "::1", exc_info=fault)
    server.error("Error handling request", exc_info=ValueError("ours"))

    stranger, own = map(json.loads, capsys.readouterr().err.splitlines())
    assert (stranger["level"], stranger["event"]) == ("warning", line)
    assert "hush" not in str(stranger)
    assert "exception" not in stranger
    assert own["exception"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_many_lines_are_what_each_would_be_by_itself(
    capsys: pytest.CaptureFixture[str], style: Literal["json", "console"]
) -> None:
    configure_logs("info", style)
    told: list[dict[str, Any]] = [{"number": 1, "path": "/webhooks/x/secret"}, {"number": 2}]
    for line in told:
        structlog.get_logger().info("answered", **line)
    singly = capsys.readouterr().err.splitlines()

    info_all("answered", told)

    together = capsys.readouterr().err.splitlines()
    moment = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
    assert [re.sub(moment, "", line) for line in together] == [
        re.sub(moment, "", line) for line in singly
    ]


def test_many_lines_below_the_level_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")

    info_all("answered", [{"number": 1}])

    assert capsys.readouterr().err == ""
