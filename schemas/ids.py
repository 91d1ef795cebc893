"""Identity: which deliveries are the same event."""

import hashlib
import re
import unicodedata

MAX_ID_CHARS = 200
_WORD = re.compile(r"[a-z0-9_-]{1,64}")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})


def request_id(given: object, payload_text: str, body: bytes) -> str:
    """
    Return the provider's id as text, or one made from the content where it is unusable.

    Unusable: missing, empty, neither text nor integer, over 200 characters, or holding
    control, format, surrogate or separator characters (they would break keys, log lines and
    headers). The callback URL's payload text is hashed in, so that a minted nonce or job
    keeps identical bodies apart.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        # Python refuses to write integers of over 4,300 digits; such an id is too long anyway.
        given = str(given) if abs(given) < 10**MAX_ID_CHARS else None
    if isinstance(given, str) and is_printable_id(given):
        return given
    return content_id(payload_text, body)


def is_printable_id(text: str) -> bool:
    """Tell whether the text can be an id as it stands."""
    if not 0 < len(text) <= MAX_ID_CHARS:
        return False
    if text.isascii():  # almost every id: 3 µs saved
        return text.isprintable() and " " not in text
    return not any(unicodedata.category(char) in _UNPRINTABLE for char in text)


def content_id(payload_text: str, body: bytes) -> str:
    """Return `sha256-<hex>` over the URL's payload text and the body."""
    digest = hashlib.sha256(payload_text.encode("utf-8", "surrogateescape"))
    digest.update(body)
    return f"sha256-{digest.hexdigest()}"


def event_id(provider: str, request: str, outcome: str) -> str:
    """Return `provider:request_id:outcome`."""
    return f"{provider}:{request}:{outcome}"


def progress_word(provider_status: str) -> str:
    """Return the last part of a progress event's id: the provider's word, or its hash."""
    if _WORD.fullmatch(provider_status):
        return provider_status
    return f"sha256-{hashlib.sha256(provider_status.encode()).hexdigest()}"
