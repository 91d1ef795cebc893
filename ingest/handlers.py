"""HTTP in, HTTP out: the only place that knows status codes."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from aiohttp import web

from bus.runtime import metrics
from ingest.accept import Acceptor
from ingest.auth import Authenticator, UnauthenticatedError
from ingest.body import BodyLimits, BodyRefusedError, read_body
from ingest.load import Load, Share
from ingest.report import Answer, DeliveryReport, refused
from schemas.callback import Capability
from schemas.delivery import Delivery

log = structlog.get_logger()

RETRY_AFTER_S = 2
_HTTP_STATUS = {"published": 200, "duplicate": 200, "spooled": 200, "quarantined": 202}
_HTTP_REFUSED = {
    "malformed": 400,
    "unauthenticated": 401,
    "not-found": 404,
    "method": 405,
    "body-timeout": 408,
    "length-required": 411,
    "too-large": 413,
    "content-encoding": 415,
    "disconnected": 400,
    "internal": 500,
    "overloaded": 503,
    "not-durable": 503,
}
_PROBES = frozenset({"GET", "HEAD"})


class RefusedError(Exception):
    """The delivery is refused before it is read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.answer = refused(reason, detail)


class Handlers:
    """Receives deliveries and answers them; each is counted once, under what it was answered."""

    def __init__(
        self,
        acceptor: Acceptor,
        authenticator: Authenticator,
        load: Load,
        limits: BodyLimits,
        observe: Callable[[DeliveryReport], None] | None = None,
    ) -> None:
        self._acceptor = acceptor
        self._authenticator = authenticator
        self._load = load
        self._limits = limits
        self._observe = observe
        self._working: set[asyncio.Task[Answer]] = set()

    async def webhook(self, request: web.Request) -> web.Response:
        """Answer any call under `/webhooks/`."""
        provider, credential = _path_parts(request)
        if not provider:
            return await not_found(request)
        if request.method in _PROBES:
            # One sender is reported to probe with HEAD and to drop the job on a 405.
            return _json({"status": "ready"}, 200)
        if request.method != "POST":
            return _refusal(refused("method", "POST the result here"), {"Allow": "POST, GET, HEAD"})
        return await self._deliver(request, provider, credential)

    async def _deliver(
        self, request: web.Request, provider: str, credential: str | None
    ) -> web.Response:
        metrics.DELIVERIES_RECEIVED.inc()
        started = time.perf_counter()
        known = provider if self._acceptor.knows(provider) else "unknown"
        answer, size = refused("internal", "the endpoint failed; try again"), 0
        with self._load.delivery() as share:
            try:
                answer, size = await self._receive(request, provider, credential, share)
            except (RefusedError, BodyRefusedError) as refusal:
                answer = refusal.answer
            except Exception:
                log.exception("delivery_failed", provider=known)
            finally:
                self._tell(known, answer, size, time.perf_counter() - started)
        return _respond(answer)

    async def _receive(
        self, request: web.Request, provider: str, credential: str | None, share: Share
    ) -> tuple[Answer, int]:
        capability = self._admit(request, provider, credential)
        received_at = datetime.now(UTC)
        body = await read_body(request, self._limits, share)
        delivery = Delivery(provider, body, received_at, capability)
        return await self._detached(self._acceptor.accept(delivery, time.time())), len(body)

    def _admit(self, request: web.Request, provider: str, credential: str | None) -> Capability:
        """Decide by the head alone; the order keeps strangers from learning anything."""
        try:
            capability = self._authenticator.authenticate(provider, credential)
        except UnauthenticatedError:
            raise RefusedError("unauthenticated", "no valid credential in the URL") from None
        if not self._acceptor.knows(provider):
            raise RefusedError("not-found", f"no adapter for the provider {provider!r}")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RefusedError("content-encoding", "send the body as it is, not compressed")
        return capability

    async def _detached(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """
        Run what must not stop when the sender hangs up.

        Its outcome decides what Kafka and storage hold; a sender that went away retries.
        """
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Return once everything that was read is answered."""
        while self._working:
            await asyncio.wait(set(self._working))

    def _tell(self, provider: str, answer: Answer, size: int, duration_s: float) -> None:
        metrics.DELIVERIES.labels(metrics.cap_provider(provider), answer.status).inc()
        metrics.DELIVERY_SECONDS.observe(duration_s)
        metrics.DELIVERY_BODY_BYTES.observe(size)
        if answer.status == "refused":
            metrics.REFUSED.labels(answer.reason).inc()
        report = DeliveryReport(provider, answer, _status_of(answer), size, duration_s)
        _log(report)
        if self._observe is not None:
            self._observe(report)


async def not_found(_request: web.Request) -> web.Response:
    """Answer every path that is none of ours."""
    return _refusal(refused("not-found", "deliveries go to /webhooks/<provider>"), {})


def _path_parts(request: web.Request) -> tuple[str, str | None]:
    """Return (provider, credential); an empty provider where the path is none of ours."""
    parts = request.match_info["path"].removesuffix("/").split("/")
    if len(parts) > 2 or not parts[0]:  # noqa: PLR2004 - provider and credential
        return "", None
    return parts[0], parts[1] if len(parts) > 1 else None


def _status_of(answer: Answer) -> int:
    if answer.status != "refused":
        return _HTTP_STATUS[answer.status]
    return _HTTP_REFUSED[answer.reason or "internal"]


def _respond(answer: Answer) -> web.Response:
    if answer.status != "refused":
        return _json(answer.as_json(), _status_of(answer))
    return _refusal(answer, {})


def _refusal(answer: Answer, headers: dict[str, str]) -> web.Response:
    status = _status_of(answer)
    if status >= 500:  # noqa: PLR2004 - our side: the sender shall come again
        headers = {**headers, "Retry-After": str(RETRY_AFTER_S)}
    if answer.reason == "length-required":
        answer = refused("too-large", answer.detail or "")
    return _json(answer.as_json(), status, headers)


def _json(body: object, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )


def _log(report: DeliveryReport) -> None:
    first = report.events[0] if report.events else None
    log.info(
        "delivery_answered",
        provider=report.provider,
        status=report.status,
        reason=report.reason,
        http_status=report.http_status,
        event_id=first and first.event_id,
        topic=first and first.topic,
        partition=first and first.partition,
        offset=first and first.offset,
        bytes=report.body_bytes,
        duration_ms=round(report.duration_s * 1000, 1),
    )
