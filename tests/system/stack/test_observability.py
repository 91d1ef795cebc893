"""The profile `observability`: Prometheus sees every service and tells Alertmanager."""

import json
import re
import urllib.request
from typing import Any

import pytest
from compose import ROOT, Stack
from deliveries import eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
OURS = ROOT / "deploy" / "observability"


def asked(stack: Stack, variable: str, path: str) -> Any:
    """Return the JSON that a server answers at its published port."""
    url = f"http://127.0.0.1:{stack.ports[variable]}{path}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_every_target_is_up(stack: Stack) -> None:
    """Ingest, storage and alerting, each scraped on its own admin port."""

    def all_are_up() -> None:
        targets = asked(stack, "PROMETHEUS_PORT", "/api/v1/targets")["data"]["activeTargets"]
        found = {target["labels"]["service"]: target["health"] for target in targets}
        assert found == {"ingest": "up", "storage": "up", "alerting": "up"}

    eventually(all_are_up)


def test_what_was_scraped_is_ours(stack: Stack) -> None:
    """A query finds the build of every service."""

    def services() -> set[str]:
        query = asked(stack, "PROMETHEUS_PORT", "/api/v1/query?query=inferbus_build_info")
        found = {series["metric"]["service"] for series in query["data"]["result"]}
        assert len(found) == 3, found
        return found

    assert eventually(services) == {"ingest", "storage", "alerting"}


def test_every_rule_is_loaded_and_can_be_evaluated(stack: Stack) -> None:
    """All of the file, and none is in error."""
    written = re.findall(r"alert: (\w+)", (OURS / "rules.yml").read_text(encoding="utf-8"))

    def loaded() -> dict[str, str]:
        groups = asked(stack, "PROMETHEUS_PORT", "/api/v1/rules")["data"]["groups"]
        found = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
        assert "unknown" not in found.values(), found
        return found

    assert eventually(loaded) == dict.fromkeys(written, "ok")


def test_every_rule_fires_for_what_it_names(stack: Stack) -> None:
    """And not before: Prometheus' own tool plays each fault."""
    said = stack.exec("prometheus", "promtool", "test", "rules", "/etc/prometheus/rules.test.yml")

    assert "SUCCESS" in said


def test_prometheus_tells_alertmanager(stack: Stack) -> None:
    """It has found it, and Alertmanager has taken our file."""

    def active() -> list[str]:
        told = asked(stack, "PROMETHEUS_PORT", "/api/v1/alertmanagers")["data"]
        urls = [each["url"] for each in told["activeAlertmanagers"]]
        assert urls
        return urls

    assert eventually(active) == ["http://alertmanager:9093/api/v2/alerts"]
    status = asked(stack, "ALERTMANAGER_PORT", "/api/v2/status")
    assert "receiver: nobody" in status["config"]["original"]
