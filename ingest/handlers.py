"""HTTP in, HTTP out: the only place that knows status codes."""

import time
from datetime import UTC, datetime

import structlog
from aiohttp import web

from ingest.accept import Acceptor
from ingest.auth import Authenticator, Head, TooManyFailuresError, UnauthenticatedError
from ingest.body import BodyLimits, BodyRefusedError, read_body
from ingest.ledger import Entry, Ledger
from ingest.paths import WebhookPath, webhook_path
from ingest.redaction import shown_by
from ingest.report import Answer, refused
from ingest.responses import Books, JsonResponse
from schemas.callback import Capability
from schemas.delivery import Delivery

log = structlog.get_logger()

RETRY_AFTER_S = 2
HTTP_STATUS = {"published": 200, "duplicate": 200, "spooled": 200, "quarantined": 202}
HTTP_REFUSED = {
    "malformed": 400,
    "unauthenticated": 401,
    "not-found": 404,
    "method": 405,
    "body-timeout": 408,
    "length-required": 411,
    "too-large": 413,
    "content-encoding": 415,
    "rate": 429,
    "disconnected": 400,
    "internal": 500,
    "overloaded": 503,
    "not-durable": 503,
}
# Has a status of its own, but no reason of its own.
HTTP_TOLD = {"length-required": "too-large"}
PROBES = frozenset({"GET", "HEAD"})
_FAILED = refused("internal", "the endpoint failed; try again")


class RefusedError(Exception):
    """The delivery is refused before it is read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.answer = refused(reason, detail)


class Handlers:
    """Receives deliveries and answers them; never redirects."""

    def __init__(
        self, acceptor: Acceptor, authenticator: Authenticator, ledger: Ledger, limits: BodyLimits
    ) -> None:
        self._acceptor = acceptor
        self._authenticator = authenticator
        self._ledger = ledger
        self.books: Books = ledger
        """What every answer goes out after."""
        self._limits = limits
        self._is_stopping = False

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any call."""
        response = await self._answer(request)
        if self._is_stopping:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> JsonResponse:
        path = webhook_path(request.rel_url.raw_path)
        if path is None:
            return _respond(refused("not-found", "deliveries go to /webhooks/<provider>"))
        if request.method in PROBES:
            # One sender is reported to probe with HEAD and to drop the job on a 405.
            return JsonResponse({"status": "ready"}, 200)
        if request.method != "POST":
            return _close(self._ledger.open(), refused("method", "POST the result here"))
        return await self._deliver(request, path)

    def malformed(self, kind: str) -> JsonResponse:
        """
        Answer a call that is no HTTP; it counts as a delivery, for it may have been one.

        `kind` is the parser's word for what is wrong; it stands in the delivery's log line.
        """
        entry = self._ledger.open()
        entry.error = kind
        return _close(entry, refused("malformed", "the call is not valid HTTP"))

    def leave(self) -> None:
        """From now on let go of each connection with its answer."""
        self._is_stopping = True

    async def drain(self) -> None:
        """Return once every delivery in flight is answered; connections are not kept alive."""
        self.leave()
        await self._ledger.idle()
        await self._ledger.written()  # after it went the last answer

    async def _deliver(self, request: web.BaseRequest, path: WebhookPath) -> JsonResponse:
        entry = self._ledger.open()
        try:
            delivery = await self._read(request, path, entry)
        except (RefusedError, BodyRefusedError) as refusal:
            return _close(entry, refusal.answer)
        except Exception:
            log.exception("delivery_failed", provider=entry.provider)
            return _close(entry, _FAILED)
        except BaseException:
            _close(entry, refused("disconnected", "the connection was closed"))
            raise
        return _respond(await self._accept(delivery, entry))

    async def _read(self, request: web.BaseRequest, path: WebhookPath, entry: Entry) -> Delivery:
        head = Head(path.provider, path.credential, request.headers, request.remote)
        try:
            admitted = self._authenticator.admit(head, time.time())
        except UnauthenticatedError as error:
            raise _unauthenticated(error) from None
        # Until the body has proved who sends it, a stranger learns nothing about providers.
        is_known = isinstance(admitted, Capability)
        if is_known:
            self._require_known(path, entry)
        if _is_encoded(request):
            raise RefusedError("content-encoding", "send the body as it is, not compressed")
        received_at = datetime.now(UTC)
        body = await read_body(request, self._limits, entry.share, is_known=is_known)
        entry.body_bytes = len(body)
        try:
            capability = await self._authenticator.confirm(admitted, body)
        except UnauthenticatedError as error:
            raise _unauthenticated(error) from None
        self._require_known(path, entry)
        return Delivery(path.provider, body, received_at, capability, shown_by(head))

    def _require_known(self, path: WebhookPath, entry: Entry) -> None:
        if not self._acceptor.knows(path.provider):
            raise RefusedError("not-found", "there is no adapter for this provider")
        entry.provider = path.provider

    async def _accept(self, delivery: Delivery, entry: Entry) -> Answer:
        # A sender that hangs up cancels nothing here (see `HttpServer`): the outcome decides
        # what Kafka and storage hold, and it will try again.
        answer = _FAILED
        try:
            answer = await self._acceptor.accept(delivery, time.time())
        except Exception:
            log.exception("delivery_failed", provider=entry.provider)
        finally:
            entry.close(answer, _status_of(answer))
        return answer


def _unauthenticated(error: UnauthenticatedError) -> RefusedError:
    """Return the answer to what the authenticator raises: one and the same for every failure."""
    if isinstance(error, TooManyFailuresError):
        return RefusedError("rate", "too many wrong credentials came from this address")
    return RefusedError("unauthenticated", "no valid credential")


def _is_encoded(request: web.BaseRequest) -> bool:
    if "Content-Encoding" not in request.headers:
        return False
    given = ",".join(request.headers.getall("Content-Encoding")).lower()
    return any(coding.strip() not in ("", "identity") for coding in given.split(","))


def _status_of(answer: Answer) -> int:
    if answer.status != "refused":
        return HTTP_STATUS[answer.status]
    return HTTP_REFUSED[answer.reason or "internal"]


def _close(entry: Entry, answer: Answer) -> JsonResponse:
    status = _status_of(answer)
    if answer.reason in HTTP_TOLD:
        answer = refused(HTTP_TOLD[answer.reason], answer.detail or "")
    entry.close(answer, status)
    return _respond(answer, status)


def _respond(answer: Answer, status: int | None = None) -> JsonResponse:
    status = status or _status_of(answer)
    headers: dict[str, str] = {}
    if answer.reason == "method":
        headers["Allow"] = "POST, GET, HEAD"
    if status >= 500 or answer.reason == "rate":  # noqa: PLR2004 - the sender shall come again
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JsonResponse(answer.as_json(), status, headers)
