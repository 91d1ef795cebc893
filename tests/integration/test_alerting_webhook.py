"""The webhook notifier against a receiver on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from consumers.alerting.codec import encode_alert
from consumers.alerting.notifiers.base import NotifyError
from consumers.alerting.notifiers.signing import parse_secret, signed_headers
from consumers.alerting.notifiers.webhook import WebhookNotifier, post_once
from tests.support.alerting import an_alert

KEY = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@dataclass
class Receiver:
    """Remembers requests; answers what it is told to."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    """Serve the receiver on loopback, with a place that never finishes its answer."""

    async def drip(request: web.Request) -> web.StreamResponse:
        writer = request.transport
        assert writer is not None
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.02)
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    app.router.add_post("/drip", drip)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


async def _notify(notifier: WebhookNotifier) -> None:
    # As in the service: from a thread that has no event loop.
    await asyncio.to_thread(notifier.notify, an_alert())


async def test_the_receiver_gets_the_alert_signed(url: str, receiver: Receiver) -> None:
    """One POST of JSON whose signature verifies over the exact bytes."""
    await _notify(WebhookNotifier(f"{url}/hook", KEY))

    ((path, headers, body),) = receiver.got
    assert (path, headers["Content-Type"], body) == (
        "/hook",
        "application/json",
        encode_alert(an_alert()),
    )
    message, sent_at = headers["webhook-id"], int(headers["webhook-timestamp"])
    assert message == f"{an_alert().dedup_key}.firing"
    expected = signed_headers(KEY, message, sent_at, body)
    assert headers["webhook-signature"] == expected["webhook-signature"]


async def test_a_redirect_is_not_followed(url: str, receiver: Receiver) -> None:
    """Following it could take the alert to a place nobody chose."""
    receiver.status, receiver.headers = 307, {"Location": f"{url}/hook?again"}

    with pytest.raises(NotifyError, match="redirects are not followed") as error:
        await _notify(WebhookNotifier(f"{url}/hook"))

    assert not error.value.permanent
    assert len(receiver.got) == 1


async def test_the_receiver_s_wish_is_read(url: str, receiver: Receiver) -> None:
    """Retry-After comes through from the wire."""
    receiver.status, receiver.headers = 429, {"Retry-After": "90"}

    with pytest.raises(NotifyError) as error:
        await _notify(WebhookNotifier(f"{url}/hook"))

    assert (error.value.permanent, error.value.retry_after_s) == (False, 90.0)


async def test_a_receiver_that_is_away_is_tried_again() -> None:
    """Nobody listens; the path, which may be a secret, is not in the message."""
    with pytest.raises(NotifyError, match="cannot be reached") as error:
        await _notify(WebhookNotifier(f"http://127.0.0.1:{unused_port()}/services/T0K3N"))

    assert not error.value.permanent
    assert "T0K3N" not in str(error.value)


async def test_a_dripping_receiver_cannot_hold_the_thread(url: str) -> None:
    """The timeout covers the whole answer, not each piece of it."""
    with pytest.raises(NotifyError, match="no answer within"):
        await asyncio.to_thread(post_once, f"{url}/drip", b"{}", {}, 0.3)
