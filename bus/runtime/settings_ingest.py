"""What may stand in the settings of the endpoint."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
AuthMethod = Literal["signed-url", "token", "bearer", "basic", "standard-webhooks", "none"]
AUTH_METHODS: tuple[AuthMethod, ...] = (
    "signed-url",
    "token",
    "bearer",
    "basic",
    "standard-webhooks",
    "none",
)


def base_url(text: str | None) -> str | None:
    """Return the URL that callback URLs begin with; raises ValueError where it is none."""
    if text is not None and not is_base_url(text):
        raise ValueError("it is no base URL: write https://host or http://host:port")
    return text


def is_base_url(text: str) -> bool:
    """Tell whether paths can be put behind this URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query


def known_methods(text: str) -> str:
    """Return the comma list of methods; raises ValueError where one is unknown."""
    methods = [part.strip() for part in text.split(",") if part.strip()]
    for method in methods:
        if method not in AUTH_METHODS:
            raise ValueError(f"unknown method {method!r}: choose out of {', '.join(AUTH_METHODS)}")
    if not methods:
        raise ValueError("name at least one method; `none` must be said")
    if "none" in methods and len(methods) > 1:
        raise ValueError("`none` must be said alone")
    return ",".join(methods)


def address_list(text: str | None) -> str | None:
    """Return a comma list of addresses and networks; raises ValueError where one is none."""
    if text is not None and not networks(text):
        raise ValueError("names no address: unset it, or write addresses such as 192.0.2.0/24")
    return text


def proxy_list(text: str | None) -> str | None:
    """Return a list as `address_list` does; everybody is no proxy."""
    if any(network.prefixlen == 0 for network in networks(text)):
        raise ValueError("trusting every address lets each sender choose its own: name the proxies")
    return address_list(text)


def networks(text: str | None) -> tuple[Network, ...]:
    """Return the networks of a comma list; raises ValueError where one is none."""
    return tuple(ip_network(part.strip()) for part in (text or "").split(",") if part.strip())
