"""Standard Webhooks 1.0: how a receiver can tell that a call is ours and fresh."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

PREFIX = "whsec_"
MIN_SECRET_BYTES = 16  # 128 bits; the specification's own advice is 24 to 64 bytes


def parse_secret(text: str) -> bytes:
    """Return the key of a `whsec_…` secret; raises ValueError with what to do."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the secret must be {PREFIX} followed by base64") from error
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(
            f"the secret is shorter than {MIN_SECRET_BYTES} bytes: make one with"
            f' `echo "{PREFIX}$(openssl rand -base64 32)"`'
        )
    return key


def signed_headers(key: bytes, message: str, timestamp_s: int, body: bytes) -> Mapping[str, str]:
    """Return the three headers over message id, time (unix seconds) and body."""
    content = f"{message}.{timestamp_s}.".encode() + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{digest}",
    }
