"""Which delivery a path is for: `/webhooks/<provider>[/<credential>][/]`."""

from functools import lru_cache
from urllib.parse import unquote

import msgspec

_ROOT = "/webhooks/"
ROUTES = (f"{_ROOT}{{provider}}", f"{_ROOT}{{provider}}/{{credential}}")
"""What the documentation calls them."""


class WebhookPath(msgspec.Struct, frozen=True, gc=False):
    """Who is said to call, and what shall prove it."""

    provider: str
    credential: str | None = None

    def __repr__(self) -> str:
        # The credential is for no log.
        return f"{type(self).__name__}(provider={self.provider!r})"


@lru_cache(maxsize=256)  # one URL is often for many jobs
def webhook_path(raw_path: str) -> WebhookPath | None:
    """Read a path as it came, percent-encoded; None where it is none of ours."""
    if not raw_path.startswith(_ROOT):
        return None
    # Taken apart before it is decoded: a token may hold an encoded slash.
    provider, slash, credential = raw_path[len(_ROOT) :].removesuffix("/").partition("/")
    if not provider or "/" in credential or (slash and not credential):
        return None
    return WebhookPath(_decoded(provider), _decoded(credential) if slash else None)


def _decoded(part: str) -> str:
    return unquote(part, errors="surrogateescape") if "%" in part else part
