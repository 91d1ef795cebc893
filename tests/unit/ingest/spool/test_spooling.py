"""The spool put together: what its disk is late with is published all the same."""

import asyncio
import threading
from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.memory import MemoryBus
from bus.runtime.health import Health
from bus.runtime.settings import Settings, SpoolSettings
from ingest.keeping import NotDurableError
from ingest.spool import disk, journal
from ingest.spool.spooling import Spooling
from tests.support.spooling import record


class NoBlobs(BlobStore):
    """A store that nothing is asked of."""


@pytest.mark.parametrize("mode", ["always", "fallback"])
async def test_what_the_disk_takes_after_the_answer_is_drained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The sender was told to come again; if it does not, the result is there nevertheless."""
    goes_on = threading.Event()
    monkeypatch.setattr(disk, "_sync_data", lambda _: goes_on.wait(30))
    monkeypatch.setattr(journal, "APPEND_TIMEOUT_S", 0.0)
    bus = MemoryBus(["inference.succeeded"])
    settings = Settings(
        data_dir=tmp_path, spool=SpoolSettings.model_validate({"mode": mode, "dir": tmp_path})
    )
    spooling = Spooling(settings, bus.publisher("test"), NoBlobs(), Health())
    await spooling.start()

    with pytest.raises(NotDurableError):
        await spooling.keeper.keep_whole(record(1), "e1", "sha")
    assert spooling.drainer.waiting == 0
    goes_on.set()

    async with asyncio.timeout(30):
        while not spooling.drainer.waiting:  # noqa: ASYNC110 - a figure is waited for
            await asyncio.sleep(0)
    await spooling.stop()
