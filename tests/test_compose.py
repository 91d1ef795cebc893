"""The compose file and what lies beside it say the same, with no engine to try it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from bus.runtime.settings import Settings, load_settings, setting_names
from scripts import docs
from tests.support.schemas import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OBSERVABILITY = ROOT / "deploy" / "observability"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
SERVICES = ("ingest", "storage", "alerting")


def read(path: Path) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def variables() -> dict[str, str]:
    """Return each variable of the compose file with its default."""
    return dict(VARIABLE.findall(COMPOSE.read_text(encoding="utf-8")))


def test_every_variable_is_explained_with_its_default() -> None:
    """`.env.example` shows neither more nor less, and a comment stands before each group."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert dict(re.findall(r"^#?(\w+)=(.*)$", text, flags=re.MULTILINE)) == variables()
    for group in text.strip().split("\n\n"):
        assert group.startswith("#")


def test_commands_in_the_same_folder_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read `.env` too: what compose alone understands must not stop `make up`."""
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    monkeypatch.chdir(tmp_path)

    assert load_settings() == Settings()


def test_every_setting_of_the_compose_file_exists() -> None:
    """A service would refuse to start with another one."""
    given = re.findall(r"^ +(INFERBUS_\w+):", COMPOSE.read_text(encoding="utf-8"), re.MULTILINE)
    tests_own = {name for name in given if name.startswith("INFERBUS_TEST_")}

    assert set(given) - tests_own <= {*setting_names(), "INFERBUS_SECRETS_DIR"}


def test_everything_is_published_on_loopback_only() -> None:
    """Nobody else on the network reaches Kafka or an admin port."""
    ports = [
        port for service in read(COMPOSE)["services"].values() for port in service.get("ports", [])
    ]

    assert len(ports) >= 10
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_health_check_asks_the_services_own_admin_port(service: str) -> None:
    """The port that it listens on by default, and that is published."""
    described = read(COMPOSE)["services"][service]
    port = getattr(Settings(), service).admin_port

    asked = ["CMD", "inferbus", "health", "--url", f"http://127.0.0.1:{port}", "--json"]
    assert described["healthcheck"]["test"] == asked  # the form that imports next to nothing
    assert any(published.endswith(f":{port}") for published in described["ports"])


def test_the_guide_names_every_service_profile_and_volume() -> None:
    """Whoever adds one adds its line."""
    text = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    described = read(COMPOSE)
    profiles = {
        name for each in described["services"].values() for name in each.get("profiles", [])
    }

    for name in ("kafka", "init", *SERVICES, *profiles, *described["volumes"]):
        assert f"`{name}`" in text, name


def test_prometheus_scrapes_each_service_by_its_admin_port() -> None:
    """The names are those of the network."""
    [job] = read(OBSERVABILITY / "prometheus.yml")["scrape_configs"]
    scraped = {each["labels"]["service"]: each["targets"] for each in job["static_configs"]}

    ports = {name: getattr(Settings(), name).admin_port for name in SERVICES}
    assert scraped == {name: [f"{name}:{port}"] for name, port in ports.items()}


def test_rules_ask_for_metrics_that_exist() -> None:
    """A renamed metric would make an alert silent."""
    used = set(re.findall(r"inferbus_\w+", (OBSERVABILITY / "rules.yml").read_text("utf-8")))

    assert len(used) >= 3
    for name in used:
        assert f"`{name}`" in docs.metrics_page(), name


def test_every_rule_has_a_test_that_it_fires() -> None:
    """Prometheus' own tool runs them, beside the stack."""
    [group] = read(OBSERVABILITY / "rules.yml")["groups"]
    tests = read(OBSERVABILITY / "rules.test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]

    named = {rule["alert"] for rule in group["rules"]}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == named
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == named


def test_grafana_is_given_a_source_that_is_there() -> None:
    """A datasource file where Grafana looks for it, in its form, with Prometheus' address."""
    services = read(COMPOSE)["services"]
    provisioned = read(OBSERVABILITY / "grafana-datasources.yml")

    [mounted] = [each for each in services["grafana"]["volumes"] if "datasources" in each]
    source, target, _mode = mounted.split(":")
    assert ROOT / source == OBSERVABILITY / "grafana-datasources.yml"
    assert Path(target).parent == Path("/etc/grafana/provisioning/datasources")
    assert provisioned["apiVersion"] == 1
    [datasource] = provisioned["datasources"]
    assert (datasource["type"], datasource["access"], datasource["isDefault"]) == (
        *("prometheus", "proxy"),
        True,
    )
    host, port = datasource["url"].removeprefix("http://").split(":")
    assert services[host]["ports"][0].endswith(f":{port}")
