"""How this machine reaches what it runs."""

from urllib.parse import urlsplit

# A server that listens on all addresses is reached on loopback.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def local_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reachable(url: str) -> str:
    """Return a server's own URL as this machine reaches it."""
    parts = urlsplit(url)
    return local_url(parts.hostname or "", parts.port or 80)
