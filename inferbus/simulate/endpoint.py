"""The endpoint that is played against: one HEAD before, one POST for each attempt."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import aiohttp
import orjson
from yarl import URL

from inferbus.errors import WrongUsageError

_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": f"inferbus-simulate/{version('inferbus')}",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What one attempt brought: an HTTP code and what the receipt says, or why there was none.

    `problem` never names the URL, which holds a credential.
    """

    seconds: float
    code: int | None = None
    receipt: str | None = None
    durability: str | None = None
    problem: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the sender may forget the result."""
        return self.code is not None and 200 <= self.code < 300  # noqa: PLR2004

    @property
    def is_retried(self) -> bool:
        """DeepInfra retries on 400 and above; what it does on a redirect is not documented."""
        return self.code is None or self.code >= 400  # noqa: PLR2004


class Endpoint:
    """A webhook URL, by the client session it is called through."""

    def __init__(self, session: aiohttp.ClientSession, url: URL) -> None:
        self._session = session
        self._url = url

    @property
    def where(self) -> str:
        """Host and port: what may be shown of the URL."""
        return f"{self._url.host}:{self._url.port}"

    async def probe(self) -> Answer:
        """Send the HEAD that DeepInfra is reported to send first."""
        return await self._call("HEAD", None)

    async def post(self, body: bytes) -> Answer:
        """Deliver one body."""
        return await self._call("POST", body)

    async def _call(self, method: str, body: bytes | None) -> Answer:
        begun = time.perf_counter()
        try:
            async with self._session.request(
                method, self._url, data=body, allow_redirects=False
            ) as response:
                text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(time.perf_counter() - begun, problem=_problem(error))
        seconds = time.perf_counter() - begun
        return Answer(seconds, response.status, _said(text, "status"), _said(text, "durability"))


@asynccontextmanager
async def open_endpoint(url: str, concurrency: int, timeout_s: float) -> AsyncIterator[Endpoint]:
    """Open a client for the URL; raises `WrongUsageError` where it is none."""
    target = read_url(url)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        headers=_HEADERS,
    ) as session:
        yield Endpoint(session, target)


def read_url(text: str) -> URL:
    """Return the URL, or raise `WrongUsageError` with a line that does not repeat it."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise WrongUsageError("--url is no http:// or https:// URL")
    return url


def _problem(error: Exception) -> str:
    # Messages of the client name host and port at most, but the URL in some cases: leave them.
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"no connection: {os.strerror(number) if number else type(error).__name__}"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "connection lost"
    return type(error).__name__


def _said(text: bytes, member: str) -> str | None:
    try:
        receipt = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    said = receipt.get(member) if isinstance(receipt, dict) else None
    return said if isinstance(said, str) else None
