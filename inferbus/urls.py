"""How this machine reaches what it runs."""


def local_url(host: str, port: int) -> str:
    """Return how this machine reaches a server; one that listens everywhere is on loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
