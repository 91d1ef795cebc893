"""The documentation says what the code does."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bus.runtime.settings import Settings, setting_names
from inferbus.cli import app
from schemas.topics import TopicNames
from scripts import docs
from tests.support.schemas import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")]
)
COMMAND = re.compile(
    r"(?:`|^ {4}|^\$ )(?:\.venv/bin/)?inferbus ([a-z]+)(?: ([a-z]+))?([^`\n]*)", re.MULTILINE
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)?(#[^)\s]+)?\)")


@pytest.mark.parametrize("path", docs.pages(), ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    """Whoever adds a setting, a metric or a topic runs `python -m scripts.docs`."""
    assert path.read_text(encoding="utf-8") == docs.pages()[path]


def test_every_setting_stands_in_the_documentation_with_its_meaning() -> None:
    """An operator finds each name, its default and what it does."""
    text = docs.configuration()

    for name in setting_names():
        assert f"| `{name}` |" in text
    for name, field in Settings.model_fields.items():
        section = getattr(field.annotation, "model_fields", None)
        model = field.annotation if section else Settings
        for leaf in section or [name]:
            assert docs.meanings(model).get(leaf), f"{name} {leaf} has no docstring below it"


def test_every_metric_stands_in_the_documentation() -> None:
    """The page names what /metrics names."""
    text = docs.metrics_page()

    assert "| `inferbus_deliveries_total` | counter | `provider`, `status` |" in text
    assert "| `inferbus_build_info` |" in text


def test_every_topic_stands_in_the_documentation() -> None:
    """The page names all topics of the register."""
    text = docs.topics()

    for name in TopicNames().all:
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository, and a heading that is there."""
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        goal = (page.parent / target).resolve() if target else page
        assert goal.exists(), f"{page.name} links to {target}"
        if anchor and goal.suffix == ".md":
            assert anchor[1:] in _anchors(goal), f"{page.name} links to {target}{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_in_the_text_exist(page: Path) -> None:
    """A page never tells an operator to set what is no setting."""
    known = {*setting_names(), "INFERBUS_SECRETS_DIR"}

    for name in re.findall(r"INFERBUS_[A-Z_]+[A-Z](?![A-Z_*])", page.read_text(encoding="utf-8")):
        assert name in known or name.startswith("INFERBUS_TEST"), f"{page.name} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_text_exist(page: Path) -> None:
    """Whatever a page tells people to type is a command with these options."""
    root = get_command(app)
    for name, sub, rest in COMMAND.findall(page.read_text(encoding="utf-8")):
        command: Any = root.commands.get(name)  # type: ignore[attr-defined]  # a group
        assert command is not None, f"{page.name}: inferbus {name}"
        if hasattr(command, "commands") and sub:
            command = command.commands.get(sub)
            assert command is not None, f"{page.name}: inferbus {name} {sub}"
        options = {word for option in command.params for word in option.opts}
        used = set(re.findall(r"--[a-z-]+", rest))
        assert used <= options, f"{page.name}: inferbus {name} {sub} {used - options}"


def test_every_event_of_the_logs_stands_on_their_page() -> None:
    """Whoever finds one in a log finds out what it means; none is described that is not there."""
    page = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| ", page, flags=re.MULTILINE)
    described = {name for row in table for name in re.findall(r"[a-z]+(?:_[a-z]+)+", row)}

    assert described - DELIVERY_MEMBERS == _logged_events() - {"delivery_answered"}


DELIVERY_MEMBERS = {"http_status", "duration_ms", "event_id"}


def _logged_events() -> set[str]:
    rooms = ("bus", "ingest", "consumers", "inferbus")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    calls = (
        node
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _called(node) in LOGGING and node.args
    )
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


LOGGING = {"log.info", "log.warning", "log.error", "log.exception", "self._say", "info_all"}


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
