"""
Signed callback URLs for client code, standard library only.

    from inferbus import callback
    webhook = callback.url("https://hooks.example.com", "deepinfra", key="k1:…", job="42")

Give the URL as `webhook` when the job is submitted: the event on Kafka then carries its model,
labels and job.
"""

import time
from collections.abc import Mapping
from datetime import datetime

from schemas.callback import (
    CallbackError,
    Capability,
    InvalidCredentialError,
    SigningKey,
    inspect,
    mint,
    parse_keys,
    verify,
)

# A week: longer than any provider queues or retries a job, short enough for a leaked URL.
DEFAULT_EXPIRES_IN_S = 7 * 86_400.0

__all__ = [
    "DEFAULT_EXPIRES_IN_S",
    "CallbackError",
    "Capability",
    "InvalidCredentialError",
    "SigningKey",
    "inspect",
    "parse_keys",
    "url",
    "verify",
]


def url(  # noqa: PLR0913 - each is a member of the URL
    base_url: str,
    provider: str,
    *,
    key: str | SigningKey,
    model: str | None = None,
    labels: Mapping[str, str] | None = None,
    job: str | None = None,
    expires_in_s: float | None = DEFAULT_EXPIRES_IN_S,
    expires_at: float | datetime | None = None,
    nonce: str | None = None,
) -> str:
    """
    Return the URL to give to a provider when a job is submitted.

    `key` is `id:secret` or a `SigningKey`; of several (`id:secret,id:secret`) the first mints.
    `expires_at` (unix seconds or a datetime) beats `expires_in_s`; None in both never expires.
    Raises `CallbackError` where a key, provider or label cannot be used.
    """
    return mint(
        base_url,
        provider,
        _signing_key(key),
        model=model,
        labels=labels,
        job=job,
        expires_at=_expiry(expires_in_s, expires_at),
        nonce=nonce,
    )


def _signing_key(key: str | SigningKey) -> SigningKey:
    if isinstance(key, SigningKey):
        return key
    keys = parse_keys(key)
    if not keys:
        raise CallbackError("no signing key was given: write it as id:secret")
    return keys[0]


def _expiry(expires_in_s: float | None, expires_at: float | datetime | None) -> int | None:
    if isinstance(expires_at, datetime):
        return int(expires_at.timestamp())
    if expires_at is not None:
        return int(expires_at)
    return None if expires_in_s is None else int(time.time() + expires_in_s)
