"""`inferbus url`: make and read signed callback URLs."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bus.runtime.settings import Settings
from bus.runtime.settings_ingest import is_base_url
from bus.runtime.settings_sections import IngestSettings
from inferbus import callback
from inferbus.context import command_settings, read_up
from inferbus.errors import WrongUsageError
from inferbus.keys import active_keys, minting_key
from inferbus.output import emit, emit_json, say
from inferbus.times import human_expiry, parse_duration
from inferbus.urls import local_url


def mint(
    *,
    provider: str,
    model: str | None = None,
    labels: Sequence[str] = (),
    job: str | None = None,
    expires_in: str = "7d",
    base_url: str | None = None,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Print a URL minted with the first active key."""
    settings = command_settings(data_dir)
    url = callback.url(
        base_url_of(settings, base_url),
        provider,
        key=minting_key(settings),
        model=model,
        labels=_labels(labels),
        job=job,
        expires_in_s=_expires_in_s(expires_in),
    )
    if json:
        emit_json({"url": url, **_contents(url)})
    else:
        sys.stdout.write(f"{url}\n")
    return 0


def inspect(url: str, *, json: bool = False, data_dir: Path | None = None) -> int:
    """Show what a URL says; 1 where no active key signed it."""
    url = read_argument(url)
    contents = _contents(url)
    contents["signature"] = _signature(url, command_settings(data_dir))
    if json:
        emit_json(contents)
    else:
        _show(contents)
    return 1 if contents["signature"] == "invalid" else 0


def read_argument(text: str) -> str:
    """Return the argument, or a line of standard input where it is `-`."""
    return sys.stdin.readline().strip() if text == "-" else text.strip()


def base_url_of(settings: Settings, given: str | None = None) -> str:
    """Return where providers post: the option, the setting, the running `up`, the own port."""
    url = given or settings.ingest.public_url
    url = url or read_up(settings.data_dir).get("webhook_base_url") or _own_url(settings)
    return check_base_url(url)


def _own_url(settings: Settings) -> str:
    """Return where an ingest of these settings is reached on this machine."""
    port = settings.ingest.port or IngestSettings().port  # of a free one nothing is known
    return local_url(settings.ingest.host, port)


def check_base_url(url: str) -> str:
    """Return the URL without a trailing slash; raises `WrongUsageError` where it is none."""
    if not is_base_url(url):
        raise WrongUsageError(f"{url!r} is no base URL: write https://host or http://host:port")
    return url.rstrip("/")


def _labels(pairs: Sequence[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise WrongUsageError(f"--label {pair!r}: write it as key=value")
        labels[key] = value
    return labels


def _expires_in_s(text: str) -> float | None:
    return None if text.strip().lower() == "never" else parse_duration(text).total_seconds()


def _contents(url: str) -> dict[str, Any]:
    provider, said = callback.inspect(url)
    return {
        "provider": provider,
        "key_id": said.key_id,
        "model": said.model,
        "labels": dict(said.labels),
        "job": said.job,
        "nonce": said.nonce,
        "expires_at": _expiry(said.expires_at),
        "expires": human_expiry(said.expires_at, time.time()),
        "has_expired": said.has_expired(time.time()),
    }


def _expiry(expires_at: int | None) -> datetime | int | None:
    if expires_at is None:
        return None
    try:
        return datetime.fromtimestamp(expires_at, UTC)
    except (OverflowError, ValueError, OSError):
        return expires_at


def _signature(url: str, settings: Settings) -> str:
    keys = active_keys(settings)
    if not keys:
        return "unchecked"
    provider, credential = url.split("?", 1)[0].rstrip("/").split("/")[-2:]
    try:
        callback.verify(credential, provider, keys)
    except callback.InvalidCredentialError:
        return "invalid"
    return "valid"


_SIGNATURES = {
    "valid": "valid: minted with an active key",
    "invalid": "invalid: no active key signed this URL for this provider",
    "unchecked": "not checked: no signing key is known here",
}


def _show(contents: dict[str, Any]) -> None:
    names = ("provider", "model", "labels", "job", "expires", "key_id", "nonce")
    rows = [{"what": name.replace("_", " "), "value": contents[name]} for name in names]
    rows.append({"what": "signature", "value": _SIGNATURES[contents["signature"]]})
    emit(rows, json=False, columns=("what", "value"))
    if contents["has_expired"]:
        say("results that come to this URL now are kept in quarantine, not published as events")
