"""The same tricks on Replicate's bare prediction."""

from collections.abc import Iterator

from tests.support.hostile.case import Case

_PREDICTIONS: dict[str, tuple[bytes, str]] = {
    "plain": (b'"status":"succeeded","output":"x"', "succeeded"),
    "repeated-status": (b'"status":"succeeded","status":"failed"', "duplicate-key"),
    "repeated-status-escaped": (rb'"status":"failed","\u0073tatus":"succeeded"', "duplicate-key"),
    "repeated-id": (b'"status":"succeeded","id":"other"', "duplicate-key"),
    "repeated-output": (b'"status":"succeeded","output":1,"output":2', "duplicate-key"),
    "repeated-unread": (b'"status":"succeeded","input":1,"input":2', "succeeded"),
    "no-status": (b'"output":"x"', "no-status"),
    "status-of-another-type": (b'"status":[1]', "no-status"),
    "nan": (b'"status":"succeeded","metrics":{"predict_time":NaN}', "not-json"),
    "1e999": (b'"status":"succeeded","metrics":{"predict_time":1e999}', "succeeded"),
    "5000-digits": (b'"status":"succeeded","output":' + b"7" * 5000, "succeeded"),
    "nul-in-the-error": (rb'"status":"failed","error":"a\u0000b"', "failed"),
    "surrogate-in-the-error": (rb'"status":"failed","error":"\ud800"', "not-json"),
    "deep-output": (b'"status":"succeeded","output":' + b"[" * 999 + b"]" * 999, "succeeded"),
    "too-deep-output": (b'"status":"succeeded","output":' + b"[" * 1000 + b"]" * 1000, "too-deep"),
    "deep-error": (b'"status":"failed","error":' + b"[" * 65 + b"]" * 65, "too-deep"),
    "strange-word": (rb'"status":"\u001b[31m"', "progress"),
    "bad-byte": (b'"status":"succeeded","output":"\xff"', "not-utf8"),
}


def cases() -> Iterator[Case]:
    """Yield them all."""
    for what, (members, verdict) in _PREDICTIONS.items():
        name = f"replicate.{what}"
        body = b'{"id":"%b",%b}' % (name.encode(), members)
        yield Case(name, body, verdict, provider="replicate")
