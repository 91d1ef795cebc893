"""Depth, width, repeated keys, and what stands where an envelope should."""

from collections.abc import Iterator

from tests.support.hostile.case import Case, envelope

_READ_KEYS = (
    *("request_id", "inference_status", "results", "model", "status"),
    *("error", "detail", "error_type", "error_message"),
    *("num_tokens", "num_input_tokens", "input_tokens"),
)
_READ_STATUS_KEYS = ("status", "runtime_ms", "cost", "tokens_generated", "tokens_input")
_SUCCEEDED = b'"status":"succeeded"'

_NO_STATUS: dict[str, bytes] = {
    "null": b'"status":null',
    "empty": b'"status":""',
    "spaces": b'"status":" \\t\\n "',
    "number": b'"status":1',
    "true": b'"status":true',
    "list": b'"status":["succeeded"]',
    "object": b'"status":{"status":"succeeded"}',
    "missing": b'"cost":0',
    "other-case": b'"Status":"succeeded"',
    "nul-in-the-key": b'"status\\u0000":"succeeded"',
    "space-in-the-key": b'"status ":"succeeded"',
    "look-alike-key": '"st\u0430tus":"succeeded"'.encode(),
}

_WORDS: dict[str, tuple[bytes, str]] = {
    "capitals": (b"SUCCEEDED", "succeeded"),
    "spaces-around": (b" \\tFailed\\n", "failed"),
    "escaped": (rb"\u0073ucceeded", "succeeded"),
    "cancelled": (b"cancelled", "failed"),
    "nul-after": (rb"succeeded\u0000", "progress"),
    "look-alike": ("succe\u0435ded".encode(), "progress"),
    "dotted-capital": ("FAİLED".encode(), "progress"),
    "line-end-inside": (rb"fai\nled", "progress"),
    "escape-sequence": (rb"\u001b[32msucceeded", "progress"),
    "colon": (b"a:b:succeeded", "progress"),
    "long": (b"w" * 5000, "progress"),
    "emoji": ("✅".encode(), "progress"),
}


def cases() -> Iterator[Case]:
    """Yield them all."""
    yield from _depths()
    yield from _depths_read()
    yield from _widths()
    yield from _repeats()
    yield from _envelopes()


def _nested(opening: bytes, levels: int) -> bytes:
    closing = b"]" if opening == b"[" else b"}"
    return opening * levels + b"1" + closing * levels


def _depths() -> Iterator[Case]:
    for kind, opening in {"lists": b"[", "objects": b'{"a":'}.items():
        for levels in (64, 65, 399, 400, 500, 999, 1000, 1001, 5000, 100_000):
            name = f"depth.{kind}-{levels}"
            # The body itself is the first level.
            verdict = "succeeded" if levels < 1000 else "too-deep"
            yield Case(name, envelope(name, members=b'"logs":' + _nested(opening, levels)), verdict)
            yield Case(
                f"{name}.unclosed",
                envelope(name, members=b'"logs":' + opening * levels),
                "not-json" if levels < 1000 else "too-deep",
            )
    yield Case("depth.bare-lists", b"[" * 999 + b"]" * 999, "not-object")
    yield Case("depth.bare-lists-too-deep", b"[" * 1001 + b"]" * 1001, "too-deep")
    yield Case("depth.bare-openings", b"[" * 500_000, "too-deep")
    yield Case("depth.closings", b"]" * 100_000, "not-json")
    mixed = b'[{"b":' * 490 + b"1" + b"}]" * 490
    yield Case("depth.mixed", envelope("depth.mixed", members=b'"a":' + mixed))
    name = "depth.brackets-in-a-text"
    yield Case(name, envelope(name, members=b'"logs":"%b"' % (b"[{" * 50_000)))
    name = "depth.brackets-behind-escapes"
    yield Case(name, envelope(name, members=b'"logs":"%b"' % (b'\\\\\\"[' * 5000)))


def _depths_read() -> Iterator[Case]:
    """Of what is read 64 levels are allowed, wherever it stands."""
    for levels in (62, 63, 64, 65, 500):
        nested = _nested(b"[", levels)
        at = f"depth.read-{levels}"
        status = b'%b,"extra":%b' % (_SUCCEEDED, nested)
        # `inference_status` itself is the first level of what is read.
        verdict = "succeeded" if levels < 64 else "too-deep"
        yield Case(f"{at}.status", envelope(f"{at}.status", status=status), verdict)
        verdict = "succeeded" if levels <= 64 else "too-deep"
        for key in (b"error", b"request_id"):
            name = f"{at}.{key.decode()}"
            body = envelope(name, members=b'"error":' + nested)
            if key == b"request_id":
                body = envelope("", request=nested, members=b'"logs":"%b"' % name.encode())
            yield Case(name, body, verdict)


def _widths() -> Iterator[Case]:
    wide = {
        "empty-objects": b"[" + b"{}," * 50_000 + b"{}]",
        "empty-texts": b"[" + b'"",' * 50_000 + b'""]',
        "nulls": b"[" + b"null," * 50_000 + b"null]",
        "keys": b"{" + b",".join(b'"k%d":0' % n for n in range(20_000)) + b"}",
        "same-key": b"{" + b",".join(b'"k":%d' % n for n in range(20_000)) + b"}",
        "spaces": b" " * 100_000 + b"1",
        "escapes": b'"' + rb"\u0061" * 20_000 + b'"',
    }
    for what, value in wide.items():
        name = f"width.{what}"
        yield Case(name, envelope(name, members=b'"logs":' + value))
        yield Case(f"{name}.error", envelope(f"{name}.error", members=b'"error":' + value))
    # Above the inline limit: the body goes to the blob store.
    name = "width.above-the-inline-limit"
    yield Case(name, envelope(name, members=b'"logs":"%b"' % (b"y" * 600_000)))
    yield Case("width.quarantined-above-the-inline-limit", b"z" * 600_000, "not-json")


def _escaped(key: str) -> bytes:
    return rb"\u00%02x%b" % (ord(key[0]), key[1:].encode())


def _repeats() -> Iterator[Case]:
    for key in _READ_KEYS:
        name, plain = f"repeat.{key}", key.encode()
        twice = b'"%b":1,"x":0,"%b" : 2' % (plain, plain)
        escaped = b'"%b":1,"%b":2' % (plain, _escaped(key))
        yield Case(name, envelope(name, members=twice), "duplicate-key")
        yield Case(f"{name}.escaped", envelope(name, members=escaped), "duplicate-key")
    for key in _READ_STATUS_KEYS:
        name, plain = f"repeat.inference_status.{key}", key.encode()
        twice = b'%b,"%b":null,"%b":null' % (_SUCCEEDED, plain, plain)
        escaped = b'%b,"%b":null,"%b":null' % (_SUCCEEDED, plain, _escaped(key))
        yield Case(name, envelope(name, status=twice), "duplicate-key")
        yield Case(f"{name}.escaped", envelope(name, status=escaped), "duplicate-key")
    yield from _repeats_that_may_be()


def _repeats_that_may_be() -> Iterator[Case]:
    harmless = {
        "unread": b'"logs":1,"logs":2',
        "in-unread": b'"logs":{"request_id":"a","request_id":"b","status":1,"status":2}',
        "in-a-text": rb'"logs":"\"request_id\":1,\"request_id\":2"',
        "as-a-value": b'"logs":["request_id","request_id"]',
        "other-case": b'"Request_id":"a","REQUEST_ID":"b"',
        "longer-key": b'"request_id2":"a","xrequest_id":"b"',
    }
    for what, members in harmless.items():
        name = f"repeat-unread.{what}"
        yield Case(name, envelope(name, members=members))
    name = "repeat.within-an-error"
    members = b'"error":{"message":"a","message":"b"}'
    yield Case(name, envelope(name, members=members), "duplicate-key")


def _envelopes() -> Iterator[Case]:
    for what, status in _NO_STATUS.items():
        name = f"no-status.{what}"
        yield Case(name, envelope(name, status=status), "no-status")
    for what, value in {
        "null": b"null",
        "list": b'[{"status":"succeeded"}]',
        "text": b'"x"',
    }.items():
        body = b'{"request_id":"no-status.%b","inference_status":%b}' % (what.encode(), value)
        yield Case(f"no-status.envelope-{what}", body, "no-status")
    yield Case("no-status.nothing-else", b'{"request_id":"x"}', "no-status")
    yield Case("no-status.empty-object", b"{}", "no-status")
    for what, (word, verdict) in _WORDS.items():
        name = f"word.{what}"
        yield Case(name, envelope(name, status=b'"status":"%b"' % word), verdict)
    for what, value in {"null": b"null", "true": b"true", "object": b'{"id":1}'}.items():
        name = f"id.{what}"
        body = envelope("", request=value, members=b'"logs":"%b"' % name.encode())
        yield Case(name, body, row={"request_id": None})
