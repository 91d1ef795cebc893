"""
Ask the package index for known vulnerabilities of what is locked: `python -m scripts.advisories`.

Asks once a day for the same locks. Where the index cannot be reached, or serves no advisories
as many mirrors do, it says so in one line and fails nothing: then nothing was audited.
"""
# ruff: noqa: INP001 - a folder of scripts is no package

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# It holds all that the other lock files do.
_LOCK = ROOT / "requirements-dev.lock"
_ASKED = Path(sys.prefix) / ".advisories"
_TIMEOUT_S = 120
_AWAY = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ServiceError", "ProxyError")


def vulnerabilities(report: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each known vulnerability of a pip-audit report."""
    for package in report["dependencies"]:
        for found in package.get("vulns", []):
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}"


def reach(report: dict[str, Any]) -> str:
    """Say how much of what was asked for the index knew."""
    packages = report["dependencies"]
    known = sum("skip_reason" not in package for package in packages)
    if known:
        return f"advisories: {known} of {len(packages)} locked packages audited"
    return "advisories: the index serves none, nothing was audited"


def ask() -> dict[str, Any] | None:
    """Return pip-audit's report, None where nobody answers; raises RuntimeError where it fails."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(_LOCK), "--disable-pip"]
    command += ["--require-hashes", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return None
    if done.stdout.startswith("{"):
        report: dict[str, Any] = json.loads(done.stdout)
        return report
    if any(word in done.stderr for word in _AWAY):
        return None
    raise RuntimeError(f"pip-audit fails: {done.stderr.strip().rpartition(chr(10))[2]}")


def main() -> int:
    """Return 1 where a locked package is known to be vulnerable."""
    today = datetime.now(UTC).date().isoformat()
    stamp = f"{today} {hashlib.sha256(_LOCK.read_bytes()).hexdigest()}"
    if _ASKED.is_file() and _ASKED.read_text(encoding="utf-8") == stamp:
        return 0
    report = ask()
    if report is None:
        sys.stderr.write("advisories: the index cannot be reached, nothing was audited\n")
        return 0
    sys.stderr.write(f"{reach(report)}\n")
    found = list(vulnerabilities(report))
    for line in found:
        sys.stderr.write(f"{line}\n")
    if not found:
        _ASKED.write_text(stamp, encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
