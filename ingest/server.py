"""aiohttp made ours: JSON answers also to what is no HTTP, no word on what runs here."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bus.runtime import metrics
from ingest.connections import ConnectionLimits, Connections, openable
from ingest.deadlines import Deadlines
from ingest.responses import Books, JsonResponse

log = structlog.get_logger()

_PROTOCOL: dict[str, Any] = {
    "access_log": None,  # one line per delivery is ours, without the credential
    "auto_decompress": False,  # a small body can unpack to gigabytes, on the event loop
    "keepalive_timeout": 75,
    "lingering_time": 2,
    # A callback URL has 512 characters at most; providers send a dozen headers.
    "max_line_size": 4096,
    "max_field_size": 8190,
    "max_headers": 64,
}
# How long an answer may lie unread before the kernel ends the connection.
_UNREAD_MS = 30_000
_MOMENT_S = 0.1
_ROOT = URL("/")

Receive = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Malformed = Callable[[str], JsonResponse]


class _Connection(web.RequestHandler):
    """One sender's connection, with a deadline for the head of each request."""

    def __init__(self, server: "HttpServer") -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_PROTOCOL)
        self._server = server
        self._last_moment: asyncio.TimerHandle | None = None
        self.is_busy = False
        self.has_asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request, which a silent sender never makes."""
        super().connection_made(transport)
        _end_unread(transport.get_extra_info("socket"))
        self._server.heads.add(self)
        self._server.open.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes. With the first one of a head its time begins; more of them win none."""
        if not self.is_busy and self not in self._server.heads and self._last_moment is None:
            self._server.heads.add(self)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._end_waiting()
        self._server.open.remove(self)
        super().connection_lost(exc)

    def begin(self) -> None:
        """Say that the head of a request is there."""
        self._end_waiting()
        self.is_busy = self.has_asked = True

    def end(self) -> None:
        """Say that the request is answered."""
        self.is_busy = False

    def drop(self) -> None:
        """Close at once."""
        self._end_waiting()
        self._server.open.remove(self)
        self.force_close()

    def give_up(self) -> None:
        """Drop it, soon: no head has come in time."""
        # After a standstill of ours the head may lie in the socket: it gets a moment to be read.
        loop = asyncio.get_running_loop()
        self._last_moment = loop.call_later(_MOMENT_S, self._drop_silent)

    def _drop_silent(self) -> None:
        metrics.CONNECTIONS_DROPPED.labels("head-timeout").inc()
        self.drop()

    def _end_waiting(self) -> None:
        self._server.heads.done(self)
        if self._last_moment is not None:
            self._last_moment.cancel()
            self._last_moment = None

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
        del message, status
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun, there cannot be another")
        response = self._answer_to(exc)
        response.books = self._server.books
        response.force_close()
        return response

    def _answer_to(self, exc: BaseException | None) -> JsonResponse:
        if isinstance(exc, HttpProcessingError):
            return self._server.malformed(type(exc).__name__)
        log.error("call_failed", exc_info=exc)
        content = {"status": "refused", "reason": "internal", "detail": "the endpoint failed"}
        return JsonResponse(content, 500)


class HttpServer(web.Server):
    """Hands calls to `receive`, and asks `malformed` for the answer to what is no HTTP."""

    def __init__(
        self,
        receive: Receive,
        malformed: Malformed,
        books: Books,
        limits: ConnectionLimits | None = None,
    ) -> None:
        # Not even where the sender hangs up: what was read is seen through. That saves the
        # deliveries a task of their own, 20 µs each.
        super().__init__(
            self._serve, request_factory=_request_with_target, handler_cancellation=False
        )
        limits = limits or ConnectionLimits()
        self.open = Connections(openable(limits.max_connections))
        self.heads: Deadlines[_Connection] = Deadlines(limits.head_timeout_s, _Connection.give_up)
        self.malformed = malformed
        self.books = books
        self._receive = receive

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of one new connection."""
        return _Connection(self)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, _Connection)  # noqa: S101 - we made it
        connection.begin()
        try:
            response = await self._answer(request)
        finally:
            self.books.then(connection.end)
        if isinstance(response, JsonResponse):
            response.books = self.books
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.version.major != 1:  # aiohttp takes any number
            response = self.malformed("HttpVersion")
            response.force_close()
            return response
        return await self._receive(request)


def _request_with_target(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    """Make a request as aiohttp does; a bare `CONNECT` has no target, which it does not expect."""
    if message.url is None:
        message = message._replace(path="/", url=_ROOT)
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())


def _end_unread(connection: socket.socket | None) -> None:
    """Let the kernel end a connection whose other end stops reading, or is gone."""
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)


async def invite_body(request: web.BaseRequest) -> None:
    """Send `100 Continue` to a sender that waits for it; other expectations mean nothing."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer proper has not begun
