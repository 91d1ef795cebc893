"""How this machine reaches what it runs."""

from urllib.parse import urlsplit

from inferbus.errors import WrongUsageError

# A server that listens on all addresses is reached on loopback.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def local_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_admin_url(url: str) -> str:
    """Return the URL without a trailing slash; raises `WrongUsageError` where it is none."""
    if not url.startswith(("http://", "https://")):
        raise WrongUsageError(f"{url!r} is no admin URL: write http://host:port")
    return url.rstrip("/")


def why_unanswered(error: Exception) -> str:
    """Return what urllib met, without the number that the system has for it."""
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause)


def reachable(url: str) -> str:
    """Return a server's own URL as this machine reaches it."""
    parts = urlsplit(url)
    return local_url(parts.hostname or "", parts.port or 80)
