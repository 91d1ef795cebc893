"""Calls to an HTTP port as nobody means them: whole ones, broken by a few random changes."""

from collections.abc import Callable, Sequence
from random import Random

from tests.support.hostile import CORPUS

_SHORT_BYTES = 2000
_BODIES = [case.body for case in CORPUS if len(case.body) < _SHORT_BYTES]
_METHODS = (b"POST", b"PUT", b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI")
_PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\x00",
        b"\xff",
        b" ",
        b"\t",
        b":",
        b"%",
        b"%00",
        b"%2f",
    ),
    *(b"Content-Length: 0\r\n", b"Content-Length: 99999999999999999999\r\n"),
    *(b"Content-Length: -1\r\n", b"Content-Length: +5\r\n", b"Content-Length: 1_0\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Content-Encoding: br\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"Connection: close\r\n", b"Host: y\r\n"),
    *(b"Authorization: Basic %%%\r\n", b"Authorization: Bearer \xff\xfe\r\n", b" folded: x\r\n"),
    *(
        b"ffffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"-1\r\n",
        b"5;ext=\x00\r\n",
        b"HTTP/2.0",
        b"HTTP/9.9",
    ),
    *(b"X: " + b"a" * 9000 + b"\r\n", b"X: y\r\n" * 80, b"../", b"//", b"?", b"#", b"\xc0\xaf"),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)

Change = Callable[[Random, bytearray], None]


def call(rng: Random, paths: Sequence[bytes]) -> bytes:
    """Return one call, or a few in a row, most of them broken somewhere."""
    data = bytearray(b"".join(_whole(rng, paths) for _ in range(rng.choice((1, 1, 1, 1, 2, 5)))))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        rng.choice(_CHANGES)(rng, data)
    return bytes(data)


def _whole(rng: Random, paths: Sequence[bytes]) -> bytes:
    method = b"POST" if rng.random() < 0.8 else rng.choice(_METHODS)
    body = rng.choice(_BODIES)
    head = b"%b %b HTTP/1.1\r\nHost: x\r\n" % (method, rng.choice(paths))
    if rng.random() < 0.3:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunks(rng, body)
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _chunks(rng: Random, body: bytes) -> bytes:
    at, chunks = 0, []
    while at < len(body):
        size = rng.randint(1, len(body) - at)
        chunks.append(b"%x\r\n%b\r\n" % (size, body[at : at + size]))
        at += size
    return b"".join(chunks) + b"0\r\n\r\n"


def _span(rng: Random, data: bytearray) -> slice:
    start = rng.randrange(len(data) + 1)
    return slice(start, start + rng.choice((1, 2, 8, 64)))


def _flip(rng: Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _insert(rng: Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(_PIECES)


def _insert_line(rng: Random, data: bytearray) -> None:
    at = data.find(b"\n", rng.randrange(len(data) + 1)) + 1
    data[at:at] = rng.choice(_PIECES)


def _delete(rng: Random, data: bytearray) -> None:
    del data[_span(rng, data)]


def _repeat(rng: Random, data: bytearray) -> None:
    span = _span(rng, data)
    data[span] = data[span] * rng.choice((2, 10, 100))


def _overwrite(rng: Random, data: bytearray) -> None:
    data[_span(rng, data)] = rng.randbytes(rng.choice((1, 2, 8, 64)))


def _cut(rng: Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


_CHANGES: tuple[Change, ...] = (
    *(_flip, _insert, _insert, _insert_line, _insert_line),
    *(_delete, _repeat, _overwrite, _cut),
)
