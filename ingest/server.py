"""aiohttp made ours: JSON answers also to what is no HTTP, no word on what runs here."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

log = structlog.get_logger()

# Connections that wait to be accepted; the kernel's own cap is usually 4096.
BACKLOG = 4096
_PROTOCOL: dict[str, Any] = {
    "access_log": None,  # one line per delivery is ours, without the credential
    "auto_decompress": False,  # a small body can unpack to gigabytes, on the event loop
    "keepalive_timeout": 75,
    "lingering_time": 2,
}

Receive = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Malformed = Callable[[], web.Response]


class NamelessResponse(web.StreamResponse):
    """No header names the server and its version."""

    async def _prepare_headers(self) -> None:
        # aiohttp has no public hook that also reaches answers to malformed calls.
        await super()._prepare_headers()
        self.headers.popall("Server", None)


class JsonResponse(NamelessResponse, web.Response):
    """A JSON body."""

    def __init__(self, content: object, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(
            body=orjson.dumps(content),
            status=status,
            content_type="application/json",
            headers=headers,
        )


class _Connection(web.RequestHandler):
    def __init__(self, server: "HttpServer", malformed: Malformed) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_PROTOCOL)
        self._malformed = malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """
        Answer what is no HTTP, or what our handler let through.

        Neither the answer nor the log repeats the parser's message: it quotes the line,
        and with it the credential.
        """
        del message
        log.warning("call_malformed", error=type(exc).__name__, http_status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun, there cannot be another")
        response = self._malformed()
        response.force_close()
        return response


class HttpServer(web.Server):
    """Hands calls to `receive`, and asks `malformed` for the answer to what is no HTTP."""

    def __init__(self, receive: Receive, malformed: Malformed) -> None:
        super().__init__(receive)
        self._answer_malformed = malformed

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of one new connection."""
        return _Connection(self, self._answer_malformed)


async def invite_body(request: web.BaseRequest) -> None:
    """Send `100 Continue` to a sender that waits for it; other expectations mean nothing."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer proper has not begun
