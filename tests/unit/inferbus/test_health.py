"""`inferbus health`, up to the socket."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from inferbus.commands import health


class Endpoint:
    """Answers every question alike and remembers who asked."""

    def __init__(self, answer: dict[str, Any] | OSError) -> None:
        self.urls: list[str] = []
        self._answer = answer

    def __call__(self, url: str) -> dict[str, Any]:
        self.urls.append(url)
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer


READY = {"status": "ready", "checks": {"kafka": {"status": "ok", "reason": None}}}
UNREADY = {"status": "unready", "checks": {"kafka": {"status": "failing", "reason": "away"}}}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "http://127.0.0.1:8081/readyz"),
        ("http://h:1", "http://h:1/readyz"),
        ("http://h:1/", "http://h:1/readyz"),
        ("http://h:1/readyz", "http://h:1/readyz"),
        ("http://h:1/livez", "http://h:1/livez"),
    ],
)
def test_the_readiness_endpoint_is_asked(url: str | None, expected: str) -> None:
    endpoint = Endpoint(READY)

    assert health.run(url=url, ask=endpoint) == 0
    assert endpoint.urls == [expected]


def test_an_own_admin_address_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's health check needs no option: it shares the service's environment."""
    monkeypatch.setenv("INFERBUS_INGEST__ADMIN_HOST", "0.0.0.0")
    monkeypatch.setenv("INFERBUS_INGEST__ADMIN_PORT", "9000")
    endpoint = Endpoint(READY)

    health.run(ask=endpoint)

    assert endpoint.urls == ["http://127.0.0.1:9000/readyz"]


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("/opt/inferbus/bin/python\0/opt/inferbus/bin/inferbus\0storage\0", 8082),
        ("/sbin/docker-init\0--\0inferbus\0alerting\0", 8083),
        ("/sbin/init\0splash\0", 8081),
        ("storage\0", 8081),
    ],
)
def test_a_container_is_asked_for_the_service_it_runs(
    command: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image serves all of them with one health check: the first process names the service."""
    (tmp_path / "cmdline").write_text(command)
    monkeypatch.setattr(health, "_FIRST_PROCESS", tmp_path / "cmdline")
    endpoint = Endpoint(READY)

    health.run(ask=endpoint)

    assert endpoint.urls == [f"http://127.0.0.1:{port}/readyz"]


def test_what_is_not_ready_is_a_problem_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert health.run(ask=Endpoint(UNREADY)) == 1
    assert "away" in capsys.readouterr().out


def test_json_is_the_report_and_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    health.run(json=True, ask=Endpoint(UNREADY))

    said = json.loads(capsys.readouterr().out)
    assert said == {"url": "http://127.0.0.1:8081/readyz", **UNREADY}


def test_no_answer_is_a_problem_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert health.run(ask=Endpoint(ConnectionRefusedError(111, "Connection refused"))) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_no_url_exits_2(cli: Any) -> None:
    assert cli("health", "--url", "localhost:8081").status == 2


@pytest.mark.parametrize(
    "said", [b'{"status":"refused","reason":"not-found"}', b"<html>", b"[]", b"\xff"]
)
def test_what_answers_and_is_no_admin_port_is_told(
    capsys: pytest.CaptureFixture[str], said: bytes
) -> None:
    """The webhook port is one digit away."""

    def ask(_url: str) -> dict[str, Any]:
        return health.read_report(io.BytesIO(said))

    assert health.run(ask=ask) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "name the service's admin port" in err
