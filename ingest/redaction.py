"""
Bodies that quote the credential they were sent with: it stays out of whatever is derived.

Some models answer with the whole prediction, the webhook's URL included, and its text finds
its way into error messages. The body itself is kept as it came.
"""

from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote

import msgspec

from bus.runtime.masking import MASK, mask_credentials
from ingest.auth import Head
from ingest.auth.base import decode_pair
from schemas.delivery import Delivery
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.ids import content_id, event_id, progress_word

_WEBHOOKS = "/webhooks/"
_NO_ERROR = EventError()
# Shorter texts are no secrets of ours, and would be found in harmless words.
_MIN_CHARS = 16
# What a text that was cut short may still show of a secret.
_MAX_CUT_CHARS = 8


def shown_by(head: Head) -> tuple[str, ...]:
    """Return every secret a delivery showed, in each spelling a body may quote, longest first."""
    return _spellings(tuple(_secrets(head)))


@lru_cache(maxsize=1024)
def _spellings(secrets: tuple[str, ...]) -> tuple[str, ...]:
    spellings = {
        text
        for secret in secrets
        for text in (secret, quote(secret, safe="", errors="surrogateescape"))
    }
    return tuple(sorted((s for s in spellings if len(s) >= _MIN_CHARS), key=len, reverse=True))


def _secrets(head: Head) -> Iterator[str]:
    if head.credential:
        yield head.credential
        # Of a signed URL only the last part is secret.
        yield head.credential.rpartition(".")[2]
    if "Authorization" not in head.headers:
        return
    if encoded := head.authorization("basic"):
        pair = decode_pair(encoded).decode("utf-8", "replace")
        yield from (encoded, pair, pair.partition(":")[2])
    if token := head.authorization("bearer"):
        yield token


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text with the secrets, and any callback URL's credential, masked."""
    for secret in secrets:
        if _beginning(secret) in text:
            text = _without_cut_end(text.replace(secret, MASK), secret)
    return mask_credentials(text) if _WEBHOOKS in text else text


def _beginning(secret: str) -> str:
    """
    Return what a text that quotes the secret holds at least, whole or cut.

    Almost none does: to look for it takes 1 µs an event, to try every place where a secret may
    be cut took 40.
    """
    return secret[: _MAX_CUT_CHARS + 1]


def _without_cut_end(text: str, secret: str) -> str:
    """Mask the end of a text where the beginning of the secret is all that was left of it."""
    for length in range(len(secret) - 1, _MAX_CUT_CHARS, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + MASK
    return text


def redacted(event: InferenceEvent, delivery: Delivery) -> InferenceEvent:
    """Return the event with the delivery's secrets masked in all it derived from the body."""
    if not _may_quote(event, delivery.secrets):
        return event

    def clean(text: str | None) -> str | None:
        return None if text is None else redact(text, delivery.secrets)

    error = event.error and EventError(clean(event.error.code), clean(event.error.message))
    status = redact(event.provider_status, delivery.secrets)
    request = _request_id(event, delivery)
    return msgspec.structs.replace(
        event,
        id=_id(event, request, status),
        request_id=request,
        provider_status=status,
        model=delivery.capability.model or clean(event.model),
        error=error,
        inner_status=clean(event.inner_status),
    )


def _may_quote(event: InferenceEvent, secrets: tuple[str, ...]) -> bool:
    """Tell whether anything that was derived from the body may have to be masked."""
    error = event.error or _NO_ERROR
    texts = (
        *(event.provider_status, event.request_id, event.model, event.inner_status),
        *(error.code, error.message),
    )
    said = "\n".join(filter(None, texts))
    return _WEBHOOKS in said or any(_beginning(secret) in said for secret in secrets)


def _request_id(event: InferenceEvent, delivery: Delivery) -> str:
    """Return the request id; one that quotes a secret is as unusable as a missing one."""
    if redact(event.request_id, delivery.secrets) == event.request_id:
        return event.request_id
    return content_id(delivery.capability.payload_text, delivery.body)


def _id(event: InferenceEvent, request: str, status: str) -> str:
    if (request, status) == (event.request_id, event.provider_status):
        return event.id
    is_open = event.outcome is Outcome.PROGRESS
    last = progress_word(status.casefold()) if is_open else event.outcome
    return event_id(event.provider, request, last)
