"""`GET /blobs/<sha256>`: bodies above the inline limit, for consumers beyond this machine."""

import asyncio
from base64 import b64encode

import structlog
from aiohttp import web

from bus.blobs import BlobMissingError, BlobStoreError
from bus.runtime.metrics import BLOB_DOWNLOADS
from ingest.auth import Bearer, Head
from ingest.blobs import AsyncBlobs, Download
from ingest.report import refused
from ingest.responses import JsonResponse, NamelessResponse

log = structlog.get_logger()

ROOT = "/blobs/"
# Each holds a file or a connection to the store for as long as its reader is slow.
MAX_AT_ONCE = 64
RETRY_AFTER_S = 2


class Downloads:
    """Answers calls below `/blobs/`, to who sends one of the tokens as bearer."""

    def __init__(self, blobs: AsyncBlobs, readers: Bearer) -> None:
        self._blobs = blobs
        self._readers = readers
        self._running = 0
        self._is_idle = asyncio.Event()

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call; each is counted once, under its HTTP status."""
        self._running += 1
        self._is_idle.clear()
        status = "aborted"
        try:
            response = await self._answer(request)
            status = str(response.status)
        finally:
            BLOB_DOWNLOADS.labels(status).inc()
            self._running -= 1
            if not self._running:
                self._is_idle.set()
        return response

    async def drain(self) -> None:
        """Return once nothing is being sent."""
        if self._running:
            await self._is_idle.wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._is_known(request):
            headers = {"WWW-Authenticate": "Bearer"}
            return _refusal(401, "unauthenticated", "send a token as bearer", headers)
        if request.method not in ("GET", "HEAD"):
            return _refusal(405, "method", "GET a blob", {"Allow": "GET, HEAD"})
        if self._running > MAX_AT_ONCE:
            return _later("overloaded", f"{MAX_AT_ONCE} blobs are being read")
        sha256 = request.rel_url.raw_path.removeprefix(ROOT)
        try:
            return await self._send(request, sha256, await self._blobs.open(sha256))
        except BlobMissingError:
            return _refusal(404, "not-found", "there is no such blob")
        except BlobStoreError as error:
            log.warning("blob_store_away", reason=str(error))
            return _later("overloaded", "the blob store is away")

    def _is_known(self, request: web.BaseRequest) -> bool:
        return self._readers.by_head(Head("blobs", headers=request.headers)) is not None

    async def _send(
        self, request: web.BaseRequest, sha256: str, blob: Download
    ) -> web.StreamResponse:
        headers = _headers(sha256)
        if _is_cached(request, headers["ETag"]):
            return NamelessResponse(status=304, headers=headers)
        response = NamelessResponse(status=200, headers=headers)
        response.content_length = blob.size
        await response.prepare(request)
        if request.method == "GET":
            await _write(request, response, blob)
        await response.write_eof()
        return response


async def _write(request: web.BaseRequest, response: web.StreamResponse, blob: Download) -> None:
    """Write every piece; where the store fails meanwhile, the reader must see a cut body."""
    try:
        while piece := await blob.piece():
            await response.write(piece)
    except BlobStoreError as error:
        log.warning("blob_cut_short", reason=str(error))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the blob store failed while a blob was sent") from error


def _headers(sha256: str) -> dict[str, str]:
    # What a hash names never changes; but only those with a token may have it.
    return {
        "Content-Type": "application/octet-stream",
        "Cache-Control": "private, max-age=31536000, immutable",
        "ETag": f'"{sha256}"',
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:",  # RFC 9530
        "X-Content-Type-Options": "nosniff",
    }


def _is_cached(request: web.BaseRequest, tag: str) -> bool:
    known = request.headers.get("If-None-Match", "").split(",")
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in known)


def _refusal(
    status: int, reason: str, detail: str, headers: dict[str, str] | None = None
) -> web.StreamResponse:
    return JsonResponse(refused(reason, detail).as_json(), status, headers)


def _later(reason: str, detail: str) -> web.StreamResponse:
    return _refusal(503, reason, detail, {"Retry-After": str(RETRY_AFTER_S)})
