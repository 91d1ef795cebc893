"""What docs/openapi.json says, the running ports do: thousands of calls made from it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from bus.memory import MemoryBus
from bus.runtime.health import Health, admin_app
from bus.runtime.settings import load_settings
from ingest.service import IngestService
from schemas.topics import TopicNames
from tests.support.schemas import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
TOKEN = "token-token-token-token-token"
_CASES = 15

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Ports:
    """Base URLs of a running endpoint."""

    ingest: str
    admin: str


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    bus = MemoryBus(TopicNames().all)
    ingest = {"port": 0, "auth": "token", "tokens": f"a:{TOKEN}"}
    health = Health()
    service = IngestService(
        load_settings(data_dir=tmp_path, ingest=ingest), bus.publisher("test"), health
    )
    await service.start()
    admin = web.AppRunner(admin_app(health), access_log=None)
    await admin.setup()
    await web.TCPSite(admin, "127.0.0.1", 0).start()
    yield Ports(service.url, f"http://127.0.0.1:{admin.addresses[0][1]}")
    await admin.cleanup()
    await service.stop()


async def test_a_stranger_gets_what_is_described(ports: Ports, tmp_path: Path) -> None:
    """Whatever the path, the method or the body: a described answer, and never a fault."""
    await _holds(tmp_path, ports.ingest, "^/(webhooks|blobs)")


async def test_a_sender_gets_what_is_described(ports: Ports, tmp_path: Path) -> None:
    """With a valid credential and any body at all."""
    known = f'[parameters]\n"path.provider" = "deepinfra"\n"path.credential" = "{TOKEN}"\n'

    await _holds(tmp_path, ports.ingest, "^/webhooks/.*/", known)


async def test_operators_get_what_is_described(ports: Ports, tmp_path: Path) -> None:
    """The admin port."""
    await _holds(tmp_path, ports.admin, "^/(livez|readyz|metrics)")


async def _holds(folder: Path, url: str, paths: str, configuration: str = "") -> None:
    """Fail with schemathesis' own report where the port and the description differ."""
    settings = folder / "schemathesis.toml"
    settings.write_text(f"color = false\n{configuration}")
    command = ["-m", "schemathesis.cli", "--config-file", str(settings), "run", str(DOCUMENT)]
    command += ["--url", url, "--include-path-regex", paths, "--checks", "all"]
    command += ["--max-examples", str(_CASES), "--seed", "1", "--suppress-health-check", "all"]
    command += ["--phases", "coverage,fuzzing"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")[-6000:]
    assert b" passed" in said, said.decode(errors="replace")
