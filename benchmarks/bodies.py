"""What is posted: a text generation of 2 KB, each with a request id of its own."""

import itertools
import os
from collections.abc import Iterator

_TEXT = b"The quick brown fox jumps over the lazy dog. " * 40
_BODY = (
    b'{"request_id":"%b","inference_status":{"status":"succeeded","runtime_ms":412,'
    b'"cost":0.0001140000022132881,"tokens_generated":42,"tokens_input":17},'
    b'"results":[{"generated_text":"%b"}],"num_tokens":42,"num_input_tokens":17}'
)


def bodies() -> Iterator[bytes]:
    """Yield bodies of distinct jobs without end."""
    run = os.urandom(4).hex()
    for number in itertools.count():
        yield _BODY % (f"R{run}{number:014d}".encode(), _TEXT)


def request(path: str, body: bytes) -> bytes:
    """Return one HTTP/1.1 request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
