"""`GET /blobs/<sha256>` over real sockets: exact bytes to who has a token, nothing to others."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession
from prometheus_client import REGISTRY

from bus.blobs import BlobStoreError, OpenBlob, open_blobs
from bus.memory import MemoryBus
from bus.runtime.health import Health
from bus.runtime.settings import load_settings
from ingest.service import IngestService
from schemas.topics import TopicNames

TOKEN = "0123456789abcdef0123456789abcdef"
KEYS = "k1:0123456789abcdef0123456789abcdef"
BODY = bytes(range(256)) * 8_000  # 2 MB of every byte
SHA256 = hashlib.sha256(BODY).hexdigest()
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def tokens() -> str | None:
    return f"reader:{TOKEN}"


@pytest.fixture
async def service(tmp_path: Path, tokens: str | None) -> AsyncIterator[IngestService]:
    """A running endpoint whose store holds one blob."""
    ingest = {"port": 0, "signing_keys": KEYS, "tokens": tokens}
    settings = load_settings(data_dir=tmp_path, ingest=ingest, spool={"mode": "off"})
    open_blobs(settings.blobs_url).put(BODY, SHA256)
    running = IngestService(settings, MemoryBus(TopicNames().all).publisher("test"), Health())
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


async def _get(
    session: ClientSession, service: IngestService, name: str = SHA256, **more: Any
) -> tuple[int, bytes, Any]:
    more.setdefault("headers", BEARER)
    method = more.pop("method", "GET")
    async with session.request(method, f"{service.url}/blobs/{name}", **more) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_the_exact_bytes_with_headers_that_let_them_be_kept(
    session: ClientSession, service: IngestService
) -> None:
    """What a hash names never changes; no shared cache may hold it."""
    status, body, headers = await _get(session, service)

    assert (status, body) == (200, BODY)
    assert headers["Content-Length"] == str(len(BODY))
    assert headers["ETag"] == f'"{SHA256}"'
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert headers["Repr-Digest"].startswith("sha-256=:")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers


async def test_a_head_has_the_size_and_no_body(
    session: ClientSession, service: IngestService
) -> None:
    """A consumer may look before it loads."""
    status, body, headers = await _get(session, service, method="HEAD")

    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(BODY)))


async def test_who_has_it_is_told_so(session: ClientSession, service: IngestService) -> None:
    """304 to the tag of the same content."""
    headers = {**BEARER, "If-None-Match": f'W/"other", "{SHA256}"'}

    assert (await _get(session, service, headers=headers))[:2] == (304, b"")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}],
)
@pytest.mark.parametrize("name", [SHA256, "a" * 64, "x", ""])
async def test_strangers_learn_nothing(
    session: ClientSession, service: IngestService, headers: dict[str, str], name: str
) -> None:
    """The same 401 whether the blob is there or not."""
    status, body, answered = await _get(session, service, name, headers=headers)

    assert status == 401
    assert b'"reason":"unauthenticated"' in body
    assert answered["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["a" * 64, "", "x", f"{SHA256}/", "%2e%2e%2f" + SHA256])
async def test_what_is_no_blob_is_not_found(
    session: ClientSession, service: IngestService, name: str
) -> None:
    """In JSON, and never outside the store."""
    from yarl import URL

    url = URL(f"{service.url}/blobs/{name}", encoded=True)
    async with session.get(url, headers=BEARER) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (404, "not-found")


async def test_blobs_are_read_only(session: ClientSession, service: IngestService) -> None:
    """Nobody writes by this way."""
    status, body, headers = await _get(session, service, method="PUT")

    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert b'"reason":"method"' in body


@pytest.mark.parametrize("tokens", [None])
async def test_without_a_token_there_is_no_such_path(
    session: ClientSession, service: IngestService
) -> None:
    """Nobody is asked for what nobody can have."""
    assert (await _get(session, service))[0] == 404


async def test_a_store_that_is_away_is_our_fault(
    session: ClientSession, service: IngestService, tmp_path: Path
) -> None:
    """503 with Retry-After, never 404: a consumer must not take a body for lost."""
    (tmp_path / "blobs").rename(tmp_path / "unmounted")

    status, _, headers = await _get(session, service)

    assert status == 503
    assert int(headers["Retry-After"]) > 0


async def test_a_store_that_fails_half_way_cuts_the_answer(
    session: ClientSession, service: IngestService
) -> None:
    """The reader sees too few bytes, never a shorter body that looks whole."""

    class Failing:
        def open(self, sha256: str) -> OpenBlob:
            return OpenBlob(len(BODY), self._pieces())

        def _pieces(self) -> Any:
            yield BODY[:1000]
            raise BlobStoreError("gone")

    service._downloads._blobs._blobs = Failing()  # type: ignore[union-attr, assignment]  # only what is used

    with pytest.raises(ClientPayloadError):
        await _get(session, service)


async def test_every_call_is_counted(session: ClientSession, service: IngestService) -> None:
    """Under its status."""
    before = _counted("200"), _counted("401")

    await _get(session, service)
    await _get(session, service, headers={})

    assert (_counted("200"), _counted("401")) == (before[0] + 1, before[1] + 1)


def _counted(status: str) -> float:
    return REGISTRY.get_sample_value("inferbus_blob_downloads_total", {"status": status}) or 0.0
