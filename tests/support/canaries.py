"""Secrets that can be found again: one for each place where inferbus is given one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex


def _canary(name: str) -> str:
    return f"canary-{name}-{token_hex(8)}"


def _whsec(name: str) -> str:
    return "whsec_" + base64.b64encode(_canary(name).encode()).decode()


@dataclass(frozen=True, slots=True)
class Canaries:
    """What must stand in nothing that inferbus writes by itself."""

    signing: str = field(default_factory=lambda: _canary("signing-key"))
    old_signing: str = field(default_factory=lambda: _canary("old-signing-key"))
    token: str = field(default_factory=lambda: _canary("token"))
    password: str = field(default_factory=lambda: _canary("basic-password"))
    webhooks: str = field(default_factory=lambda: _whsec("standard-webhooks"))
    kafka: str = field(default_factory=lambda: _canary("kafka-password"))
    database: str = field(default_factory=lambda: _canary("database-password"))
    alert_path: str = field(default_factory=lambda: _canary("alert-url"))
    alert_secret: str = field(default_factory=lambda: _whsec("alert-secret"))

    @property
    def user(self) -> str:
        """Return what the header `Authorization: Basic` holds."""
        return base64.b64encode(f"client:{self.password}".encode()).decode()

    @property
    def everything(self) -> Mapping[str, str]:
        """Return each secret, and each spelling it has somewhere, by a name."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        bare = {f"{name}, bare": each[6:] for name, each in plain.items() if "whsec_" in each}
        keys = {f"{name}, raw": base64.b64decode(key).decode() for name, key in bare.items()}
        return {**plain, **bare, **keys, "basic pair": self.user}

    def settings(self, alert_url: str) -> dict[str, str]:
        """Return the settings that hold them; `alert_url` gets one as its path."""
        base = alert_url.rsplit("/", 1)[0]
        return {
            "INFERBUS_INGEST__AUTH": "signed-url,token,bearer,basic,standard-webhooks",
            "INFERBUS_INGEST__SIGNING_KEYS": f"k2:{self.signing},k1:{self.old_signing}",
            "INFERBUS_INGEST__TOKENS": f"a:{self.token}",
            "INFERBUS_INGEST__BASIC_USERS": f"client:{self.password}",
            "INFERBUS_INGEST__WEBHOOK_SECRETS": f"replicate:{self.webhooks}",
            "INFERBUS_ALERTING__WEBHOOK_URL": f"{base}/{self.alert_path}",
            "INFERBUS_ALERTING__WEBHOOK_SECRET": self.alert_secret,
            "INFERBUS_LOG__LEVEL": "debug",
        }


def failed(request_id: str, quoted: str, **members: object) -> bytes:
    """Return a failed job whose every text quotes something."""
    text = f"cannot post to {quoted}: 500"
    body = {
        "request_id": request_id,
        "inference_status": {"status": "failed", "runtime_ms": 1, "cost": 0},
        "error": {"code": quoted, "message": text},
        "status": quoted,
        "model": f"m-{quoted}",
        "webhook": quoted,
        **members,
    }
    return json.dumps(body).encode()


def quoting(name: str, quoted: str) -> Sequence[bytes]:
    """Return bodies that quote something: failed, large, in progress, without id, malformed."""
    return [
        failed(f"R-{name}", quoted),
        failed(f"R-{name}-large", quoted, images=["A" * 8000]),
        failed(f"R-{name}-odd", quoted, inference_status={"status": f"waits {quoted}"}),
        failed(quoted, quoted),
        failed(f"R-{name}-lost", quoted, inference_status=None),
        b"not JSON: " + quoted.encode(),
    ]


def signed_headers(secret: str, body: bytes) -> dict[str, str]:
    """Sign a body as Standard Webhooks has it."""
    at, identity = str(int(time.time())), "msg_1"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{identity}.{at}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": identity, "webhook-timestamp": at, "webhook-signature": signature}
