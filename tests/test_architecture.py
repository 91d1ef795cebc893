"""The rooms keep to themselves: DESIGN's table of imports, held by tests."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.schemas import ROOT

PACKAGES = ("schemas", "bus", "ingest", "consumers", "inferbus")
READS_ENVIRONMENT = re.compile(r"\bos\.environ\b|\bgetenv\b")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a module names in an import."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_dependencies_point_one_way() -> None:
    """Import-linter finds no import that the table forbids."""
    done = _python(
        "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )

    assert done.returncode == 0, done.stdout


def test_only_the_bus_speaks_to_kafka() -> None:
    """One module, or one folder, knows the Kafka client; everything else knows protocols."""
    users = {module_id(path) for path in MODULES if _uses(path, "kafka")}

    assert users
    assert all(user == "bus/kafka.py" or user.startswith("bus/kafka/") for user in users)


def test_only_the_ingress_speaks_http_to_senders() -> None:
    """Consumers import no web framework but through the health port of the runtime."""
    users = {module_id(path) for path in MODULES if _uses(path, "aiohttp.web")}

    assert not {user for user in users if user.startswith(("schemas/", "consumers/storage/"))}


@pytest.mark.parametrize("name", ["schemas.callback", "inferbus.callback"])
def test_client_code_mints_urls_with_the_standard_library_alone(name: str) -> None:
    """Whoever submits jobs needs none of the service's dependencies."""
    done = _python("-S", "-c", f"import sys; sys.path.insert(0, '.'); import {name}")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """A newcomer reads the first line of a file and knows whether to read on."""
    module = ast.parse(path.read_bytes())

    assert ast.get_docstring(module) or not module.body


def test_nothing_below_the_command_line_reads_the_environment() -> None:
    """One tree of settings, read at start: modules are told what they need."""
    readers = {module_id(path) for path in MODULES if READS_ENVIRONMENT.search(path.read_text())}

    assert {path for path in readers if not path.startswith("inferbus/")} == {
        "bus/failpoints.py",  # for tests of crashes only
        "bus/runtime/settings.py",
    }


def _uses(path: Path, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imported(path))


def _python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
