"""Settings as people may see them: no secret, also none inside a URL."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bus.runtime.masking import MASK, mask_url

# Parameters by which database and blob URLs carry secrets.
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;][^=&;]*(?:password|passwd|secret|token|key|credential|signature|sig)[^=&;]*=)[^&;]*"
)
# A password may hold `/` where its writer did not escape it: it ends at the last `@`.
_USERINFO = re.compile(r"^([a-z][a-z0-9+.-]*://)([^/@:]*):(?!\d{1,5}/).*@", re.IGNORECASE)


def masked(name: str, value: object) -> object:
    """Return a setting's value for people; None stays None, numbers stay numbers."""
    if isinstance(value, SecretStr):
        return _masked_secret(name, value.get_secret_value())
    if isinstance(value, Path):
        return str(value)
    return mask_secret_url(value) if isinstance(value, str) else value


def mask_secret_url(url: str) -> str:
    """Mask the password, the secret parameters and a webhook credential of a URL."""
    url = _USERINFO.sub(rf"\g<1>\g<2>:{MASK}@", url)
    return mask_url(_SECRET_PARAMETER.sub(rf"\g<1>{MASK}", url))


def _masked_secret(name: str, text: str) -> str:
    if name.endswith("STORAGE__URL"):
        return mask_secret_url(text)
    parts = urlsplit(text)
    if parts.scheme in ("http", "https") and parts.hostname:
        # Chat services put the secret into the path; the host still tells where it goes.
        return f"{parts.scheme}://{parts.hostname}/{MASK}"
    return MASK
