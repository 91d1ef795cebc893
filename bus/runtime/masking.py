"""Secrets out of texts that people read."""

import re

MASK = "***"
# A password may hold a bare `/`; what looks like a port and a path is none.
_USERINFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/@:\s]*):(?!\d{1,5}/)(?P<password>[^@\s]*)@"
)
_CREDENTIAL = re.compile(r"(/webhooks/[^/\s\"'\\]+/)[^/\s\"'\\?]+")


def mask_url(url: str) -> str:
    """Return the URL without its password and without a webhook credential."""
    return mask_credentials(_USERINFO.sub(rf"\g<scheme>\g<user>:{MASK}@", url))


def mask_credentials(text: str) -> str:
    """Return the text with the credential of every callback URL or path masked."""
    return _CREDENTIAL.sub(rf"\g<1>{MASK}", text)
