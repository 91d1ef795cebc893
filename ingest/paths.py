"""Which delivery a path is for: `/webhooks/<provider>[/<credential>][/]`."""

from dataclasses import dataclass, field
from urllib.parse import unquote

_ROOT = "/webhooks/"
ROUTES = (f"{_ROOT}{{provider}}", f"{_ROOT}{{provider}}/{{credential}}")
"""What the documentation calls them."""


@dataclass(frozen=True, slots=True)
class WebhookPath:
    """Who is said to call, and what shall prove it."""

    provider: str
    credential: str | None = field(default=None, repr=False)


def webhook_path(raw_path: str) -> WebhookPath | None:
    """Read a path as it came, percent-encoded; None where it is none of ours."""
    if not raw_path.startswith(_ROOT):
        return None
    # Taken apart before it is decoded: a token may hold an encoded slash.
    parts = raw_path.removeprefix(_ROOT).removesuffix("/").split("/")
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004 - provider and credential
        return None
    provider, *credential = (unquote(part, errors="surrogateescape") for part in parts)
    return WebhookPath(provider, *credential)
