"""Reading a body: while streaming, in bounded time, never more than may be held."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from ingest.load import OverloadedError, Share
from ingest.report import Answer, refused
from ingest.server import invite_body

_SMALL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The longest body in bytes, and how long it may take to arrive."""

    max_bytes: int
    timeout_s: float


class BodyRefusedError(Exception):
    """The body cannot be taken."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.answer: Answer = refused(reason, detail)


async def read_body(
    request: web.BaseRequest, limits: BodyLimits, share: Share, *, is_known: bool = True
) -> bytes:
    """
    Return the whole body; raises `BodyRefusedError`.

    What a known sender announces is kept free for it. What a stranger announces, whom only its
    body will prove, is not: it could take all the room by announcing bodies it never sends.
    """
    expected = _expected_bytes(request)
    if expected is not None and expected > limits.max_bytes:
        raise _too_large(limits)
    try:
        share.take((expected or 0) if is_known else 0)
        if request.content.is_eof():
            # As small ones are, which come with the head: 40 µs saved for a timer and a wait.
            return _arrived(request, limits, share)
        async with asyncio.timeout(limits.timeout_s):
            await invite_body(request)
            return await _collect(request, limits, share)
    except OverloadedError as error:
        raise BodyRefusedError("overloaded", str(error)) from error
    except TimeoutError as error:
        slow = f"the body did not arrive in {limits.timeout_s:g} s"
        raise BodyRefusedError("body-timeout", slow) from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise _disconnected() from error
    except RuntimeError as error:
        if request.transport is not None:
            raise
        # What aiohttp raises to whoever begins to read when the sender is gone already.
        raise _disconnected() from error


def _expected_bytes(request: web.BaseRequest) -> int | None:
    """Return the announced length, None for a chunked body."""
    if request.content_length is None and not _is_chunked(request):
        raise BodyRefusedError("length-required", "send Content-Length or a chunked body")
    return request.content_length


def _is_chunked(request: web.BaseRequest) -> bool:
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def _arrived(request: web.BaseRequest, limits: BodyLimits, share: Share) -> bytes:
    body = request.content.read_nowait()
    if len(body) > limits.max_bytes:
        raise _too_large(limits)
    if len(body) > share.size:
        share.take(len(body) - share.size)
    return body


async def _collect(request: web.BaseRequest, limits: BodyLimits, share: Share) -> bytes:
    parts = Parts()
    while part := await request.content.readany():
        parts.add(part)
        if parts.size > limits.max_bytes:
            raise _too_large(limits)
        if parts.size > share.size:
            share.take(parts.size - share.size)
    return parts.joined()


class Parts:
    """
    A body's parts, copied once where they are large.

    Small ones go into one buffer: kept singly, a body that trickles in byte by byte would take
    fifty times its size.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._small = bytearray()
        self.size = 0

    def add(self, part: bytes) -> None:
        """Take the next part."""
        self.size += len(part)
        if len(part) < _SMALL_BYTES:
            self._small += part
            return
        self._end_small()
        self._parts.append(part)

    def joined(self) -> bytes:
        """Return all of it."""
        self._end_small()
        return b"".join(self._parts)

    def _end_small(self) -> None:
        if self._small:
            self._parts.append(bytes(self._small))
            self._small.clear()


def _disconnected() -> BodyRefusedError:
    return BodyRefusedError("disconnected", "the connection ended inside the body")


def _too_large(limits: BodyLimits) -> BodyRefusedError:
    return BodyRefusedError("too-large", f"the body is over {limits.max_bytes} bytes")
