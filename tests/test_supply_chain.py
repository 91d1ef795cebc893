"""What is installed beside our own code: under which terms, and with which known faults."""

import re
from email.message import Message
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import cast

import pytest

from scripts import advisories, licences
from tests.support.schemas import ROOT


def said(**fields: str | list[str]) -> PackageMetadata:
    """Return a package's metadata; a list is a header that stands several times."""
    message = Message()
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            message[name.replace("_", "-")] = each
    return cast("PackageMetadata", message)


def test_every_locked_package_may_be_used() -> None:
    """Run and development tools alike, by what is installed right here."""
    packages = list(licences.licensed(licences.locked(ROOT / lock for lock in licences.LOCKS)))

    assert len(packages) > 50
    assert [each.problem for each in packages if each.problem] == []


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        (said(License_Expression="MIT OR Apache-2.0"), "MIT OR Apache-2.0"),
        (said(License="Apache License   Version 2.0"), "Apache-2.0"),
        (said(License="x" * 5000, Classifier=["License :: OSI Approved :: MIT License"]), "MIT"),
        (
            said(License="Dual License", Classifier=["License :: OSI Approved :: BSD License"]),
            "BSD-3-Clause",
        ),
        (said(License="Ask our lawyers"), None),
        (said(Classifier=["Development Status :: 4 - Beta"]), None),
        (said(), None),
    ],
)
def test_a_licence_is_read_from_new_and_old_metadata(
    metadata: PackageMetadata, licence: str | None
) -> None:
    assert licences.licence_of(metadata) == licence


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-only", False),
        ("BUSL-1.1", False),
    ],
)
def test_terms_that_would_bind_our_users_are_refused(expression: str, *, is_allowed: bool) -> None:
    """Of a choice one will do, of a sum every part must."""
    assert licences.is_allowed(expression) is is_allowed
    assert (licences.Licensed("x", expression).problem is None) is is_allowed


def test_locks_are_read_for_this_system_only(tmp_path: Path) -> None:
    """Comments and hashes are no packages; a marker that does not hold leaves one out."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "a==1.0 \\\n    --hash=sha256:00\n    # via b\n"
        "b==2 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
        "c[d]==3 ; python_full_version >= '3.11'\n"
    )

    assert list(licences.locked([lock])) == ["a", "c"]


def test_a_known_vulnerability_is_named() -> None:
    """With the version that mends it; packages the index does not know are counted."""
    flaw = {"id": "CVE-2026-1", "fix_versions": ["1.1"], "aliases": []}
    report = {
        "dependencies": [
            {"name": "a", "version": "1.0", "vulns": [flaw]},
            {"name": "b", "version": "1.0", "vulns": []},
            {"name": "c", "skip_reason": "not found"},
        ]
    }

    assert list(advisories.vulnerabilities(report)) == ["a 1.0: CVE-2026-1, fixed in 1.1"]
    assert advisories.reach(report) == "advisories: 2 of 3 locked packages audited"


def test_an_index_without_advisories_is_not_taken_for_a_clean_bill() -> None:
    """Mirrors often serve packages and nothing else."""
    report = {"dependencies": [{"name": "a", "skip_reason": "not found"}]}

    assert advisories.reach(report) == "advisories: the index serves none, nothing was audited"


def test_images_are_built_with_the_uv_that_the_makefile_names() -> None:
    """`make lock` writes both from one line, with hashes."""
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lock = (ROOT / "deploy" / "build-tools.lock").read_text()

    assert version is not None
    assert lock.startswith(f"uv=={version[1]} \\\n    --hash=sha256:")
