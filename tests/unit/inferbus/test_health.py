"""`inferbus health`, up to the socket."""

from typing import Any

import pytest

from inferbus.commands import health


def asked(answer: dict[str, Any] | OSError, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the endpoint answer so; return the list of URLs that were asked."""
    urls: list[str] = []

    def ask(url: str) -> dict[str, Any]:
        urls.append(url)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(health, "_ask", ask)
    return urls


READY = {"status": "ready", "checks": {"kafka": {"status": "ok", "reason": None}}}
UNREADY = {"status": "unready", "checks": {"kafka": {"status": "failing", "reason": "away"}}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "http://127.0.0.1:8081/readyz"),
        (["--url", "http://h:1"], "http://h:1/readyz"),
        (["--url", "http://h:1/"], "http://h:1/readyz"),
        (["--url", "http://h:1/readyz"], "http://h:1/readyz"),
        (["--url", "http://h:1/livez"], "http://h:1/livez"),
    ],
)
def test_the_readiness_endpoint_is_asked(
    cli: Any, monkeypatch: pytest.MonkeyPatch, given: list[str], expected: str
) -> None:
    urls = asked(READY, monkeypatch)

    assert cli("health", *given).status == 0
    assert urls == [expected]


def test_an_own_admin_address_is_asked(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's health check needs no option: it shares the service's environment."""
    monkeypatch.setenv("INFERBUS_INGEST__ADMIN_HOST", "0.0.0.0")
    monkeypatch.setenv("INFERBUS_INGEST__ADMIN_PORT", "9000")
    urls = asked(READY, monkeypatch)

    cli("health")

    assert urls == ["http://127.0.0.1:9000/readyz"]


def test_what_is_not_ready_exits_1_and_says_why(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(UNREADY, monkeypatch)

    ran = cli("health")

    assert ran.status == 1
    assert "away" in ran.out


def test_json_is_the_report_and_where_it_came_from(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(UNREADY, monkeypatch)

    assert cli("health", "--json").rows == [{"url": "http://127.0.0.1:8081/readyz", **UNREADY}]


def test_no_answer_exits_1_in_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(ConnectionRefusedError(111, "Connection refused"), monkeypatch)

    ran = cli("health")

    assert ran.status == 1
    assert ran.err.count("\n") == 1


def test_what_is_no_url_exits_2(cli: Any) -> None:
    assert cli("health", "--url", "localhost:8081").status == 2
