"""`inferbus health`: ask a readiness endpoint; also what a container's health check runs."""

import json as jsonlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from inferbus.output import complain, emit, emit_json
from inferbus.urls import check_admin_url, why_unanswered

_TIMEOUT_S = 5.0
_FIRST_PROCESS = Path("/proc/1/cmdline")
_SERVICES = ("ingest", "storage", "alerting")
_GOOD = ("ready", "alive")
_STATES = (*_GOOD, "unready")


def ask_readiness(url: str) -> dict[str, Any]:
    """Return the report behind the URL. Raises OSError or ValueError where there is none."""
    # A proxy from the environment must not stand between a probe and its own host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            report = read_report(answer)
    except urllib.error.HTTPError as answer:
        report = read_report(answer)  # 503 says in its body which check fails
    return report


def read_report(answer: IO[bytes]) -> dict[str, Any]:
    """Return what an admin port says. Raises ValueError where it is something else."""
    try:
        report = jsonlib.load(answer)
    except ValueError:
        report = None
    if not isinstance(report, dict) or report.get("status") not in _STATES:
        raise ValueError(
            "something else answers there: name the service's admin port, 8081 unless set otherwise"
        )
    return report


def run(
    *,
    url: str | None = None,
    json: bool = False,
    data_dir: Path | None = None,
    ask: Callable[[str], dict[str, Any]] = ask_readiness,
) -> int:
    """Print each check; 0 where the process is ready, 1 where it is not or does not answer."""
    target = _ready_url(url or _own_admin_url(data_dir))
    try:
        report = ask(target)
    except (OSError, ValueError) as error:
        return _unreachable(target, error, json=json)
    if json:
        emit_json({"url": target, **report})
    else:
        emit(_rows(report), json, ("check", "status", "reason"))
    return 0 if report.get("status") in _GOOD else 1


def _own_admin_url(data_dir: Path | None) -> str:
    from inferbus.context import command_settings, read_up
    from inferbus.urls import local_url

    settings = command_settings(data_dir)
    running = read_up(settings.data_dir).get("admin_url")
    service = getattr(settings, _container_service() or "ingest")
    return running or local_url(service.admin_host, service.admin_port)


def _container_service() -> str | None:
    """Return which service this container runs, if any: its first process says so."""
    try:
        words = _FIRST_PROCESS.read_text("utf-8", "replace").split("\0")
    except OSError:  # no Linux
        return None
    # An init program, if there is one, has its own name and options before ours.
    program = next((n for n, word in enumerate(words) if Path(word).name == "inferbus"), len(words))
    return next((word for word in words[program + 1 :] if word in _SERVICES), None)


def _ready_url(url: str) -> str:
    url = check_admin_url(url)
    return url if url.endswith(("/readyz", "/livez")) else f"{url}/readyz"


def _rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    checks = report.get("checks") or {}
    rows = [{"check": name, **answer} for name, answer in checks.items()]
    return [*rows, {"check": "all", "status": report.get("status"), "reason": None}]


def _unreachable(url: str, error: Exception, *, json: bool) -> int:
    reason = why_unanswered(error)
    if json:
        emit_json({"url": url, "status": "unreachable", "reason": reason})
    complain(f"{url} {'' if isinstance(error, ValueError) else 'does not answer: '}{reason}")
    return 1
