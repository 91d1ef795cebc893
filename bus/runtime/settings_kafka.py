"""Which Kafka settings fit together. Each rule raises ValueError with what to do."""

from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationInfo

_Value = TypeVar("_Value")


def addresses(text: str) -> str:
    """Pass host:port,host:port; refuse a URL, which Kafka clients take for a strange name."""
    parts = [part.strip() for part in text.split(",")]
    for address in parts:
        if "/" in address or not address.rpartition(":")[0] or not _is_port(address):
            raise ValueError(f"{address!r} is no address: write host:port,host:port")
    return ",".join(parts)


def _is_port(address: str) -> bool:
    port = address.rpartition(":")[2]
    return port.isascii() and port.isdigit() and 0 < int(port) < 65536  # noqa: PLR2004 - TCP's


def fits_protocol(mechanism: str | None, info: ValidationInfo) -> str | None:
    """A mechanism and a SASL protocol need each other."""
    protocol = _protocol(info)
    if protocol is None:  # refused already
        return mechanism
    if mechanism is None and protocol.startswith("SASL_"):
        raise ValueError(
            f"{protocol} needs it: set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        )
    if mechanism is not None and not protocol.startswith("SASL_"):
        raise ValueError(
            f"{protocol} makes no login: set INFERBUS_KAFKA__SECURITY_PROTOCOL=SASL_SSL"
            " (SASL_PLAINTEXT without TLS)"
        )
    return mechanism


def given_for_login(value: _Value, info: ValidationInfo) -> _Value:
    """All mechanisms but OAUTHBEARER log in by user name and password."""
    mechanism = info.data.get("sasl_mechanism")
    if not _text(value) and mechanism not in (None, "OAUTHBEARER"):
        raise ValueError(f"{mechanism} needs it: set it")
    return value


def token_source(url: str | None, info: ValidationInfo) -> str | None:
    """OAUTHBEARER needs a token from one place."""
    token_file = info.data.get("oauth_token_file")
    if url is not None and token_file is not None:
        raise ValueError("unset it or INFERBUS_KAFKA__OAUTH_TOKEN_FILE: tokens have one source")
    if url is not None and urlsplit(url).scheme not in ("https", "http"):
        raise ValueError("write the token endpoint's https:// URL")
    wants_token = info.data.get("sasl_mechanism") == "OAUTHBEARER"
    if wants_token and url is None and token_file is None and "oauth_token_file" in info.data:
        raise ValueError("OAUTHBEARER needs it: set it, or INFERBUS_KAFKA__OAUTH_TOKEN_FILE")
    return url


def given_for_token(value: _Value, info: ValidationInfo) -> _Value:
    """A token endpoint gives tokens to a client it knows."""
    if not _text(value) and info.data.get("oauth_token_url") is not None:
        raise ValueError("INFERBUS_KAFKA__OAUTH_TOKEN_URL needs it: set it")
    return value


def existing_file(path: Path | None) -> Path | None:
    """A file that is named is there."""
    if path is not None and not path.is_file():
        raise ValueError(f"there is no file {path}: correct the path")
    return path


def certificate_of_key(certificate: Path | None, info: ValidationInfo) -> Path | None:
    """A client certificate may hold its key; a key alone is of no use."""
    if certificate is None and info.data.get("ssl_keyfile") is not None:
        raise ValueError("INFERBUS_KAFKA__SSL_KEYFILE needs it: set it")
    return existing_file(certificate)


def _protocol(info: ValidationInfo) -> str | None:
    protocol: str | None = info.data.get("security_protocol")
    return protocol


def _text(value: Any) -> str:
    secret = getattr(value, "get_secret_value", None)
    return secret() if secret else value or ""
