"""Bodies that are no JSON object, or that only some readers take for one."""

import gzip
from collections.abc import Iterator
from random import Random

from tests.support.hostile.case import Case, envelope

_WHOLE = envelope("body.whole")

_BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not-json"),
    "spaces": (b" \t\r\n", "not-json"),
    "nul": (b"\x00", "not-json"),
    "nuls": (b"\x00" * 1000, "not-json"),
    "comma": (b",", "not-json"),
    "opening": (b"{", "not-json"),
    "closing": (b"}", "not-json"),
    "two-openings": (b"{{", "not-json"),
    "null": (b"null", "not-object"),
    "true": (b"true", "not-object"),
    "number": (b"-0.0e1", "not-object"),
    "huge-number": (b"9" * 5000, "not-object"),
    "text": (b'"{}"', "not-object"),
    "list": (b"[" + _WHOLE + b"]", "not-object"),
    "empty-list": (b"[]", "not-object"),
    "byte-order-mark": (b"\xef\xbb\xbf" + _WHOLE, "not-json"),
    "two-byte-order-marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + _WHOLE, "not-json"),
    "utf-16": (_WHOLE.decode().encode("utf-16"), "not-utf8"),
    "utf-16-without-mark": (_WHOLE.decode().encode("utf-16-le"), "not-json"),
    "utf-32": (_WHOLE.decode().encode("utf-32-be"), "not-json"),
    "latin-1": ('{"a":"é"}'.encode("latin-1"), "not-utf8"),
    "two-objects": (_WHOLE + _WHOLE, "not-json"),
    "lines-of-objects": (_WHOLE + b"\n" + _WHOLE, "not-json"),
    "record-separator": (b"\x1e" + _WHOLE + b"\n", "not-json"),
    "text-after": (_WHOLE + b"x", "not-json"),
    "bracket-after": (_WHOLE + b"]", "not-json"),
    "nul-after": (_WHOLE + b"\x00", "not-json"),
    "bad-byte-after": (_WHOLE + b"\xff", "not-utf8"),
    "comma-after": (_WHOLE + b",", "not-json"),
    "comma-before": (b"," + _WHOLE, "not-json"),
    "hijack-guard": (b")]}',\n" + _WHOLE, "not-json"),
    "callback": (b"cb(" + _WHOLE + b")", "not-json"),
    "form": (b"request_id=1&inference_status=succeeded", "not-json"),
    "form-of-json": (b"payload=%7B%22a%22%3A1%7D", "not-json"),
    "markup": (b"<html><body>502</body></html>", "not-json"),
    "xml": (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>", "not-json"),
    "yaml": (b"request_id: 1\n", "not-json"),
    "python": (b"{'a': None, 'b': True}", "not-json"),
    "gzip": (gzip.compress(_WHOLE, mtime=0), "not-utf8"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not-utf8"),
    "http": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "not-json"),
    "noise": (Random(5).randbytes(4096), "not-utf8"),  # noqa: S311 - the same on every run
}

# Instead of the members of an otherwise whole body.
_MEMBERS: dict[str, bytes] = {
    "trailing-comma": b'"a":1,',
    "two-commas": b'"a":1,,"b":2',
    "no-comma": b'"a":1 "b":2',
    "no-colon": b'"a" 1',
    "two-colons": b'"a"::1',
    "equals": b'"a"=1',
    "no-value": b'"a":',
    "no-key": b":1",
    "key-without-quotes": b"a:1",
    "key-in-single-quotes": b"'a':1",
    "number-as-key": b"1:1",
    "null-as-key": b"null:1",
    "text-alone": b'"a"',
    "list-trailing-comma": b'"a":[1,]',
    "list-leading-comma": b'"a":[,1]',
    "list-two-commas": b'"a":[1,,2]',
    "list-no-comma": b'"a":[1 2]',
    "list-colon": b'"a":[1:2]',
    "list-unclosed": b'"a":[1',
    "list-closed-as-object": b'"a":[1}',
    "object-closed-as-list": b'"a":{"b":1]',
    "object-trailing-comma": b'"a":{"b":1,}',
    "line-comment": b'"a":1 // x\n',
    "block-comment": b'"a":/**/1',
    "hash-comment": b'"a":1 # x\n',
    "true-capital": b'"a":True',
    "none": b'"a":None',
    "undefined": b'"a":undefined',
    "literal-cut": b'"a":tru',
    "literal-long": b'"a":nullx',
    "form-feed": b'"a":\x0c1',
    "vertical-tab": b'"a":\x0b1',
    "no-break-space": '"a":\u00a01'.encode(),
    "byte-order-mark-inside": '"a":\ufeff1'.encode(),
    "line-separator-outside": '"a":1\u2028'.encode(),
    "nul-outside": b'"a":1\x00',
    "backslash-outside": b'"a":\\1',
    "texts-joined": b'"a":"b""c"',
    "date": b'"a":new Date()',
}


def cases() -> Iterator[Case]:
    """Yield whole bodies, members that break one, and one cut short at many places."""
    for name, (body, verdict) in _BODIES.items():
        yield Case(f"body.{name}", body, verdict)
    for name, members in _MEMBERS.items():
        yield Case(f"grammar.{name}", envelope(f"grammar.{name}", members=members), "not-json")
    for length in range(5, len(_WHOLE), 9):
        yield Case(f"body.cut-at-{length}", _WHOLE[:length], "not-json")
    yield Case("body.white-space-around", b"\r\n\t " + envelope("body.white-space-around") + b"\n ")
