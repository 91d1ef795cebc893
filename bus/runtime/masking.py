"""Secrets out of texts that people read."""

import re

MASK = "***"
# A password may hold a bare `/`; what looks like a port and a path is none. One with a bare `@`
# goes on to the next.
_USERINFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/@:\s]*):(?!\d{1,5}/)"
    r"(?P<password>[^@\s]*(?:@[^@\s/,]*(?=@))*)@"
)
_PARAMETER = re.compile(r"(?i)([?&](?:ssl)?password=)[^&\s\"']*")
_CREDENTIAL = re.compile(r"(/webhooks/[^/\s\"'\\]+/)[^/\s\"'\\?]+")


def mask_url(url: str) -> str:
    """Return the URL without its password and without a webhook credential."""
    shown = _PARAMETER.sub(rf"\g<1>{MASK}", url)
    return mask_credentials(_USERINFO.sub(rf"\g<scheme>\g<user>:{MASK}@", shown))


def mask_credentials(text: str) -> str:
    """Return the text with the credential of every callback URL or path masked."""
    return _CREDENTIAL.sub(rf"\g<1>{MASK}", text)
