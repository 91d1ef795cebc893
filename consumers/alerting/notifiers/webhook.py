"""Tells a URL: one POST with the alert as JSON, signed where there is a secret."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from consumers.alerting.codec import encode_alert, message_id
from consumers.alerting.notifiers.base import NOTIFY_TIMEOUT_S, NotifyError
from consumers.alerting.notifiers.signing import signed_headers
from schemas.alert import Alert

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: status and its Retry-After header, if any."""

    status: int
    retry_after: str | None = None


Post = Callable[[str, bytes, Mapping[str, str]], Answer]


class WebhookNotifier:
    """
    Posts each alert and state to one URL.

    2xx is success. 4xx other than 408 and 429 is permanent, everything else passes. The
    retry is the caller's, for it outlives a restart there.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        key: bytes | None = None,
        *,
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._key = key
        self._post = post or post_once
        self._clock = clock

    def notify(self, alert: Alert) -> None:
        """Return once the receiver has answered 2xx."""
        body = encode_alert(alert)
        answer = self._post(self._url, body, self._headers(alert, body))
        if not is_success(answer.status):
            raise _refusal(answer, self._clock())

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "inferbus-alerting"}
        if self._key is not None:
            headers |= signed_headers(self._key, message_id(alert), int(self._clock()), body)
        return headers


def post_once(
    url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = NOTIFY_TIMEOUT_S
) -> Answer:
    """Post within the timeout, redirects not followed; raises `NotifyError`."""
    try:
        return asyncio.run(_post(url, body, headers, timeout_s))
    except TimeoutError as error:
        raise NotifyError(f"no answer within {timeout_s:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        # Only the kind: the text may hold the URL, whose path is a secret at many receivers.
        raise NotifyError(f"cannot be reached: {type(error).__name__}") from error


async def _post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
    # The total covers a receiver that drips its answer, which a socket timeout does not.
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as response,
    ):
        return Answer(response.status, response.headers.get("Retry-After"))


def is_success(status: int) -> bool:
    """Tell whether a status is 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _refusal(answer: Answer, now_s: float) -> NotifyError:
    is_client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    hint = ""
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        hint = ": redirects are not followed, set the final URL"
    return NotifyError(
        f"answered {answer.status}{hint}",
        permanent=is_client_error and answer.status not in _PASSING,
        retry_after_s=parse_retry_after(answer.retry_after, now_s),
    )


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it says nothing usable."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now_s, UTC)).total_seconds())
