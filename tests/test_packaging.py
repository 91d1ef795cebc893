"""The wheel holds what it must, and nothing that other distributions also ship."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.schemas import ROOT, SCHEMAS

PACKAGES = {"schemas", "bus", "ingest", "consumers", "inferbus"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel without network or isolation; return the names of its files."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_top_level_is_the_five_rooms(names: set[str]) -> None:
    """Generic names in site-packages are kept to those we mean; `tests` is never one."""
    top_level = {name.split("/", 1)[0] for name in names}

    assert {name for name in top_level if not name.endswith(".dist-info")} == PACKAGES
    assert len(top_level) == len(PACKAGES) + 1


def test_every_module_is_in_the_wheel(names: set[str]) -> None:
    """What runs from a checkout runs from a wheel."""
    modules = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }

    assert modules <= names


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_type_checkers_trust_each_package(names: set[str], package: str) -> None:
    """Each package carries its py.typed."""
    assert f"{package}/py.typed" in names


def test_the_schemas_come_along(names: set[str]) -> None:
    """The published contract is part of what is installed."""
    assert {f"schemas/v1/{path.name}" for path in SCHEMAS.glob("*.json")} <= names


def test_the_migrations_come_along(names: set[str]) -> None:
    """An installed program can make its tables."""
    assert "consumers/migrations/env.py" in names
    assert any(name.startswith("consumers/migrations/versions/") for name in names)


def test_licence_and_notice_come_along(names: set[str]) -> None:
    """Whoever gets the wheel gets its terms."""
    files = {Path(name).name for name in names if ".dist-info/licenses/" in name}

    assert files == {"LICENSE", "NOTICE"}


def test_nothing_private_comes_along(names: set[str]) -> None:
    """No data directory, no settings file, no cache and no test."""
    parts = {part for name in names for part in name.split("/")}

    assert not parts & {"tests", ".env", ".inferbus", "__pycache__", "conftest.py"}
