"""The recipes of deploy/proxy, run by the real nginx and the real Caddy."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientSession, TCPConnector

from schemas.callback import mint, parse_keys
from tests.support.endpoint import BODY, KEYS, Endpoint
from tests.support.proxies import Proxy, proxy

TOKEN = "a-static-token-of-the-path"
BEHIND = {
    "auth": "signed-url,token,bearer",
    "tokens": f"a:{TOKEN}",
    "trusted_proxies": "127.0.0.1",
}
NAMES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("nginx", "caddy")]


@dataclass
class Front:
    """A proxy before the endpoint, and a session that trusts its certificate."""

    proxy: Proxy
    endpoint: Endpoint
    session: ClientSession
    trusting: ssl.SSLContext

    @property
    def url(self) -> str:
        """A callback URL with the proxy's address."""
        return mint(self.proxy.url, "deepinfra", parse_keys(KEYS)[0], model="m")

    async def post(self, url: str, body: bytes = BODY, **headers: str) -> tuple[int, bytes, Any]:
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers


@pytest.fixture
def overrides() -> dict[str, Any]:
    return BEHIND


@pytest.fixture(params=NAMES)
async def front(
    request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path
) -> AsyncIterator[Front]:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    upstream = endpoint.service.url.removeprefix("http://")
    with contextlib.ExitStack() as undo:
        running = proxy(request.param, tmp_path / "proxy", upstream, authority)
        front = await asyncio.to_thread(undo.enter_context, running)
        async with ClientSession(connector=TCPConnector(ssl=trusting)) as session:
            yield Front(front, endpoint, session, trusting)


async def test_a_delivery_comes_through_with_its_bytes(front: Front) -> None:
    """By every kind of path; the receipt is ours."""
    status, answer, headers = await front.post(front.url)

    assert (status, b'"status":"published"' in answer) == (200, True)
    assert "python" not in headers.get("Server", "").lower()
    assert (front.endpoint.publisher.published[0].value or b"").endswith(BODY + b"}")
    assert (await front.post(front.url + "/"))[0] == 200
    assert (await front.post(f"{front.proxy.url}/webhooks/deepinfra/{TOKEN}"))[0] == 200
    by_header = {"Authorization": f"Bearer {TOKEN}"}
    assert (await front.post(f"{front.proxy.url}/webhooks/deepinfra", **by_header))[0] == 200


async def test_a_large_body_comes_through(front: Front) -> None:
    """Up to the endpoint's own limit, in chunks as well; above it the answer is 413."""
    large = b'{"request_id":"R2","inference_status":{"status":"succeeded"},"images":["' + (
        b"A" * 30_000_000 + b'"]}'
    )

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1_000_000):
            yield large[start : start + 1_000_000]

    assert (await front.post(front.url, large))[0] == 200
    async with front.session.post(front.url, data=pieces()) as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "duplicate")
    assert front.endpoint.reports[0].body_bytes == len(large)
    with contextlib.suppress(ConnectionError):  # a proxy may close before all is sent
        assert (await front.post(front.url, b" " * 68_000_000))[0] == 413


async def test_refusals_come_through(front: Front) -> None:
    """The same 401 as without a proxy, also for a body that is still being sent."""
    wrong = f"{front.proxy.url}/webhooks/deepinfra/wrong"

    for body in (BODY, b"x" * 5_000_000):
        status, answer, _ = await front.post(wrong, body)
        assert (status, b'"reason":"unauthenticated"' in answer) == (401, True)
    assert (await front.post(f"{front.proxy.url}/elsewhere"))[0] == 404
    async with front.session.head(f"{front.proxy.url}/webhooks/deepinfra") as probe:
        assert probe.status == 200


@pytest.mark.parametrize("overrides", [BEHIND | {"allowed_ips": "127.0.0.2"}])
async def test_the_sender_s_address_is_the_one_that_the_proxy_saw(front: Front) -> None:
    """A list of addresses works behind it; what a sender writes about itself is not believed."""
    session = front.session
    for address, status in (("127.0.0.2", 200), ("127.0.0.3", 401)):
        connector = TCPConnector(ssl=front.trusting, local_addr=(address, 0))
        async with ClientSession(connector=connector) as front.session:
            assert (await front.post(front.url))[0] == status
            claims = {"X-Forwarded-For": "127.0.0.2", "X-Real-IP": "127.0.0.2"}
            assert (await front.post(front.url, **claims))[0] == status
    front.session = session


async def test_no_credential_is_written_down(front: Front) -> None:
    """In the access log the provider stands; in the error log nothing of a request."""
    await front.post(front.url)
    by_header = {"Authorization": f"Bearer {TOKEN}", "Webhook-Signature": f"v1,{TOKEN}"}
    await front.post(f"{front.proxy.url}/webhooks/deepinfra?x=1", **by_header)
    await front.post(f"{front.proxy.url}/webhooks/deepinfra/{TOKEN}")
    await front.post(f"{front.proxy.url}/elsewhere/{TOKEN}")
    await front.post(f"{front.proxy.url}//webhooks/deepinfra/{TOKEN}")
    await front.post(f"{front.proxy.url}/webhooks/deepinfra/{TOKEN}/{'y' * 20_000}")
    await front.endpoint.service.stop()
    status, _, _ = await front.post(front.url)
    assert status == 502
    assert (await front.post(f"{front.proxy.url}/webhooks/deepinfra/{TOKEN}"))[0] == 502

    while "502" not in front.proxy.access_log:  # noqa: ASYNC110 - the proxy writes when it likes
        await asyncio.sleep(0.05)
    secret = front.url.rsplit(".", 1)[1]
    written = front.proxy.written
    assert "/webhooks/deepinfra/***" in written
    assert secret not in written
    assert TOKEN not in written


async def test_a_silent_sender_is_cut_off_by_the_proxy(front: Front) -> None:
    """It never reaches us; 1 s here, 10 s in the recipe."""
    host, port = front.proxy.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=front.trusting)
    writer.write(b"POST /webhooks/x HTTP/1.1\r\nHost:")

    with contextlib.suppress(ConnectionResetError):
        said = await asyncio.wait_for(reader.read(), 60)
        assert not said or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))
    writer.close()
    assert front.endpoint.reports == []
