"""Texts that terminals, headers, tables and other parsers trip over."""

import json
from collections.abc import Iterator

from tests.support.hostile.case import Case, envelope

# JSON strings without their quotes; False where the text cannot be an id as it stands.
_TEXTS: dict[str, tuple[bytes, bool]] = {
    "empty": (b"", False),
    "space": (b" ", False),
    "inner-space": (b"a b", False),
    "nul": (rb"\u0000", False),
    "nul-inside": (rb"a\u0000b", False),
    "line-end-and-header": (rb"a\r\nSet-Cookie: x=1", False),
    "log-line": (rb"a\n{\"event\":\"delivery\",\"level\":\"error\"}", False),
    "tab": (rb"a\tb", False),
    "backspace": (rb"a\b\b\b\b", False),
    "escape-sequence": (rb"\u001b[31mred\u001b[0m", False),
    "title-sequence": (rb"\u001b]0;owned\u0007", False),
    "delete-raw": (b"a\x7f", False),
    "c1-control": (rb"a\u009b31m", False),
    "next-line": (rb"a\u0085b", False),
    "no-break-space": ("a\u00a0b".encode(), False),
    "zero-width": ("a\u200bb".encode(), False),
    "soft-hyphen": ("a\u00adb".encode(), False),
    "right-to-left-override": ("a\u202egnp.exe".encode(), False),
    "line-separator": ("a\u2028b".encode(), False),
    "byte-order-mark": ("\ufeffa".encode(), False),
    "tag-characters": ("a\U000e0041".encode(), False),
    "too-long": (b"x" * 201, False),
    "100-kilobytes": (b"x" * 100_000, False),
    "longest": (b"x" * 180 + b"Z", True),
    "escaped-letter": (rb"\u0041\u0062", True),
    "escaped-slash": (rb"a\/b", True),
    "quotes-and-backslashes": (rb"\"\\\"\\", True),
    "surrogate-pair": (rb"\ud83d\ude00", True),
    "surrogate-pair-upper": (rb"\uD83D\uDE01", True),
    "emoji": ("🦀".encode(), True),
    "combining-marks": (("e" + "\u0301" * 100).encode(), True),
    "not-normalized": ("A\u030a".encode(), True),
    "normalized": ("\u00c5".encode(), True),
    "private-use": ("\ue000".encode(), True),
    "non-character": ("\uffff".encode(), True),
    "last-code-point": ("\U0010ffff".encode(), True),
    "colons": (b"a:succeeded:b", True),
    "path": (b"../../../../etc/passwd", True),
    "percent": (b"%00%0a%s%n", True),
    "sql": (b"';DROP/**/TABLE/**/events;--", True),
    "markup": (b"<script>alert(1)</script>", True),
    "template": (b"{{7*7}}${jndi:ldap://x}", True),
    "formula": (b"=cmd|'/C'!A0", True),
    "rich-markup": (b"[bold][link=file:///etc]x[/]", True),
    "json-inside": (rb"{\"request_id\":\"other\"}", True),
}

# Whole values.
_NO_TEXTS: dict[str, tuple[bytes, str]] = {
    "unclosed": (b'"a', "not-json"),
    "quote-alone": (b'"', "not-json"),
    "escaped-end": (rb'"a\"', "not-json"),
    "single-quotes": (b"'a'", "not-json"),
    "no-quotes": (b"abc", "not-json"),
    "curly-quotes": ("“a”".encode(), "not-json"),
    "raw-nul": (b'"a\x00"', "not-json"),
    "raw-tab": (b'"a\tb"', "not-json"),
    "raw-line-end": (b'"a\nb"', "not-json"),
    "raw-return": (b'"a\rb"', "not-json"),
    "raw-escape": (b'"\x1b[2J"', "not-json"),
    "raw-unit-separator": (b'"\x1f"', "not-json"),
    "escape-x": (rb'"\x41"', "not-json"),
    "escape-octal": (rb'"\012"', "not-json"),
    "escape-single-quote": (rb'"\'"', "not-json"),
    "escape-v": (rb'"\v"', "not-json"),
    "escape-upper-u": (rb'"\U0041"', "not-json"),
    "escape-emoji": ('"\\😀"'.encode(), "not-json"),
    "escape-cut": (rb'"\u00a"', "not-json"),
    "escape-no-hex": (rb'"\u00g0"', "not-json"),
    "escape-braces": (rb'"\u{41}"', "not-json"),
    "escape-full-width": ('"\\u\uff10041"'.encode(), "not-json"),
    "high-surrogate": (rb'"\ud800"', "not-json"),
    "high-surrogate-and-text": (rb'"\ud800 and some more text"', "not-json"),
    "low-surrogate": (rb'"\udc00"', "not-json"),
    "low-surrogate-and-text": (rb'"\udfff and some more text"', "not-json"),
    "two-high-surrogates": (rb'"\ud800\ud800"', "not-json"),
    "surrogates-swapped": (rb'"\ude00\ud83d"', "not-json"),
    "high-surrogate-and-letter": (rb'"\ud83d\u0041"', "not-json"),
    "surrogate-cut": (rb'"\ud83d\ude0"', "not-json"),
    "surrogate-in-a-key": (rb'{"\ud800":1}', "not-json"),
    "utf8-lone-start": (b'"\xc3"', "not-utf8"),
    "utf8-lone-continuation": (b'"\x80"', "not-utf8"),
    "utf8-cut-in-three": (b'"\xe2\x82"', "not-utf8"),
    "utf8-cut-in-four": (b'"\xf0\x9f\x98"', "not-utf8"),
    "utf8-overlong-slash": (b'"\xc0\xaf"', "not-utf8"),
    "utf8-overlong-nul": (b'"\xc0\x80"', "not-utf8"),
    "utf8-overlong-three": (b'"\xe0\x80\xaf"', "not-utf8"),
    "utf8-overlong-four": (b'"\xf0\x80\x80\xaf"', "not-utf8"),
    "utf8-surrogate": (b'"\xed\xa0\x80"', "not-utf8"),
    "utf8-cesu-pair": (b'"\xed\xa0\xbd\xed\xb8\x80"', "not-utf8"),
    "utf8-above-the-last": (b'"\xf4\x90\x80\x80"', "not-utf8"),
    "utf8-five-bytes": (b'"\xf8\x88\x80\x80\x80"', "not-utf8"),
    "utf8-fe": (b'"\xfe"', "not-utf8"),
    "utf8-ff": (b'"\xff"', "not-utf8"),
    "latin-1": ('"é"'.encode("latin-1"), "not-utf8"),
    "late-bad-byte": (b'"' + b"x" * 70_000 + b'\xff"', "not-utf8"),
    "bad-byte-in-a-key": (b'{"\xff":1}', "not-utf8"),
}


def cases() -> Iterator[Case]:
    """Yield each text where nobody looks, as a key, as the job's id, in an error, as model."""
    for name, (inner, is_id) in _TEXTS.items():
        text = b'"%b"' % inner
        decoded = json.loads(text)
        at = f"text.{name}"
        yield Case(at, envelope(at, members=b'"logs":{%b:[%b]}' % (text, text)))
        yield _id(f"{at}.id", text, decoded if is_id else None)
        yield _error(f"{at}.error", text, decoded)
        yield _word(f"{at}.model", text, decoded)
    for name, (value, verdict) in _NO_TEXTS.items():
        at = f"no-text.{name}"
        yield Case(at, envelope(at, members=b'"logs":%b' % value), verdict)
        yield Case(f"{at}.id", envelope(at, request=value), verdict)


def _id(name: str, text: bytes, identity: str | None) -> Case:
    body = envelope("", request=text, members=b'"logs":"%b"' % name.encode())
    return Case(name, body, row={"request_id": identity})


def _error(name: str, text: bytes, decoded: str) -> Case:
    status = b'"status":"failed"'
    # An object of over 64 KiB is no error text: it is not built.
    is_shown = decoded.strip() and len(text) < 65_000
    shown = decoded.replace("\0", "\u2400") if is_shown else None
    body = envelope(name, status=status, members=b'"error":{"message":%b}' % text)
    return Case(name, body, "failed", {"error_message": shown})


def _word(name: str, text: bytes, decoded: str) -> Case:
    shown = decoded.strip().replace("\0", "\u2400")[:200] or None
    return Case(name, envelope(name, members=b'"model":%b' % text), row={"model": shown})
