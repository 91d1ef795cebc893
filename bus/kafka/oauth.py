"""
Tokens for OAUTHBEARER: from a file that something else renews, or by a token endpoint.

The client asks for one at each login, on its network thread, so one answer serves for most
of its life.
"""

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from kafka.net.sasl.oauth import AbstractTokenProvider

from bus.errors import BusUnavailableError
from bus.runtime.settings_sections import KafkaSettings

_ENDPOINT_TIMEOUT_S = 5.0
# RFC 6749 only recommends `expires_in`; without it the token is used once.
_UNKNOWN_LIFE_S = 0.0
_SHARE_OF_LIFE = 0.8
_MOST_BYTES = 1_000_000


class TokenUnavailableError(BusUnavailableError):
    """No token could be had; the message says from where and why."""


class TokenSource(Protocol):
    """Gives tokens out."""

    def token(self) -> str:
        """Return a token that is good now. Raises `TokenUnavailableError`."""
        ...


@dataclass(frozen=True, slots=True)
class FileTokens:
    """Reads the file anew each time: Kubernetes and agents replace it before it expires."""

    path: Path

    def token(self) -> str:
        """Return the file's text."""
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is no text"
            raise TokenUnavailableError(f"{self.path}: {why}") from error
        if not text:
            raise TokenUnavailableError(f"{self.path}: is empty")
        return text


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A token endpoint's answer: the token and its life in seconds."""

    token: str
    life_s: float


class GrantedTokens:
    """Keeps a granted token for most of its life. Safe to use from any thread."""

    def __init__(
        self, grant: Callable[[], TokenAnswer], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._grant = grant
        self._clock = clock
        self._lock = threading.Lock()
        self._answer = TokenAnswer("", 0)
        self._granted_at = 0.0

    def token(self) -> str:
        """Return the kept token, a fresh one once it has lived most of its life."""
        with self._lock:
            if self._age_s() >= self._answer.life_s * _SHARE_OF_LIFE:
                self._renew()
            return self._answer.token

    def _renew(self) -> None:
        asked_at = self._clock()
        try:
            answer = self._grant()
        except TokenUnavailableError:
            if self._age_s() < self._answer.life_s:
                return  # the old one still opens doors
            raise
        self._answer, self._granted_at = answer, asked_at

    def _age_s(self) -> float:
        return self._clock() - self._granted_at


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The client credentials grant of RFC 6749, section 4.4."""

    url: str
    client_id: str
    client_secret: str
    scope: str | None = None

    def __repr__(self) -> str:
        return f"ClientCredentials({self.url})"

    def __call__(self) -> TokenAnswer:
        """Ask the endpoint. Raises `TokenUnavailableError`, never with the secret."""
        try:
            with _OPENER.open(self._request(), timeout=_ENDPOINT_TIMEOUT_S) as answer:
                return _read_answer(json.loads(answer.read(_MOST_BYTES)))
        except urllib.error.HTTPError as error:
            raise TokenUnavailableError(f"{self.url} answered {_refusal(error)}") from error
        except urllib.error.URLError as error:
            raise TokenUnavailableError(f"{self.url} cannot be reached: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise TokenUnavailableError(f"{self.url} broke off: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise TokenUnavailableError(f"{self.url} answered without a token") from error

    def _request(self) -> urllib.request.Request:
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        # Section 2.3.1: both parts are form-encoded before they become Basic.
        login = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        basic = base64.b64encode(login.encode()).decode()
        return urllib.request.Request(  # noqa: S310 - settings let http and https pass
            self.url,
            data=urlencode(form).encode(),
            headers={"Authorization": f"Basic {basic}", "Accept": "application/json"},
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the secret to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: the 3xx becomes the error."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _read_answer(answer: Any) -> TokenAnswer:
    token = answer["access_token"]
    if not isinstance(token, str) or not token:
        raise TypeError("access_token")
    return TokenAnswer(token, float(answer.get("expires_in") or _UNKNOWN_LIFE_S))


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        word = json.loads(error.read(_MOST_BYTES)).get("error")
    except (ValueError, AttributeError, OSError):
        word = None
    # RFC 6749 5.2 names a handful of short words; anything else could echo what we sent.
    known = isinstance(word, str) and word.replace("_", "").isalpha() and len(word) <= 40  # noqa: PLR2004 - no word is longer
    return f"{error.code} {word}" if known else f"{error.code}"


class KafkaTokens(AbstractTokenProvider):  # type: ignore[misc] # the client is untyped
    """A token source as the client wants it."""

    def __init__(self, source: TokenSource) -> None:
        super().__init__()
        self._source = source

    def token(self) -> str:
        """Return a token that is good now."""
        return self._source.token()


def token_source(settings: KafkaSettings) -> TokenSource:
    """Return where the settings say tokens come from."""
    if settings.oauth_token_file is not None:
        return FileTokens(settings.oauth_token_file)
    secret = settings.oauth_client_secret
    return GrantedTokens(
        ClientCredentials(
            url=settings.oauth_token_url or "",
            client_id=settings.oauth_client_id or "",
            client_secret=secret.get_secret_value() if secret else "",
            scope=settings.oauth_scope,
        )
    )
