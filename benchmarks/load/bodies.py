"""What is posted: DeepInfra's shapes in sizes that occur, each with a request id of its own."""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_HEAD = (
    b'","inference_status":{"status":"succeeded","runtime_ms":412,'
    b'"cost":0.0001140000022132881,"tokens_generated":42,"tokens_input":17},'
)
MIX = {"1 KB": 90, "165 KB": 8, "2 MB": 2}


@dataclass(frozen=True, slots=True)
class Body:
    """One kind of body, cut where the request id stands."""

    before: bytes
    after: bytes

    def whole(self, request_id: bytes) -> bytes:
        """Return the body of one delivery."""
        return b"".join((self.before, request_id, self.after))

    def size(self, id_bytes: int) -> int:
        """Return its length with a request id of so many bytes."""
        return len(self.before) + id_bytes + len(self.after)


@cache
def body(kind: str) -> Body:
    """Return the body of that name: "1 KB", "20 KB", "165 KB", "2 MB", or any "N KB" of text."""
    make = KINDS.get(kind) or (lambda: _text(int(kind.partition(" ")[0]) * 1024))
    return Body(b'{"request_id":"', _HEAD + make() + b"}")


def kinds(weights: Mapping[str, int], seed: int = 1) -> Iterator[str]:
    """Yield names by their weights without end; the same ones for the same seed."""
    names = list(weights)
    if len(names) == 1:
        return itertools.repeat(names[0])
    drawn = random.Random(seed).choices(  # noqa: S311 - a reproducible mix, no secret
        names, list(weights.values()), k=10_000
    )
    return itertools.cycle(drawn)


def _text(size: int) -> bytes:
    # What is around it takes 200 bytes; a request id is 24 long.
    text = b"The quick brown fox jumps over the lazy dog. "
    wanted = max(1, size - 240)
    return b'"results":[{"generated_text":"%b"}]' % (text * (wanted // len(text) + 1))[:wanted]


def _speech() -> bytes:
    """Return a transcript of some minutes: 20 KB of small members."""
    rng = random.Random(2)  # noqa: S311 - the same bytes each time, no secret
    segments = [
        {
            "id": number,
            "start": number * 4.0,
            "end": number * 4.0 + round(rng.uniform(1, 4), 2),
            "text": "and so it goes on, sentence after sentence",
            "tokens": rng.choices(range(50_000), k=20),
            "avg_logprob": -rng.random(),
            "no_speech_prob": rng.random() / 1e9,
        }
        for number in range(66)
    ]
    return b'"text":"and so on","segments":' + json.dumps(segments).encode()


def _embeddings() -> bytes:
    """Return eight vectors of 1,024 numbers: 165 KB of digits."""
    rng = random.Random(3)  # noqa: S311 - the same bytes each time, no secret
    vectors = [[rng.uniform(-1, 1) for _ in range(1024)] for _ in range(8)]
    return b'"embeddings":' + json.dumps(vectors, separators=(",", ":")).encode()


def _image() -> bytes:
    """Return a picture as a data URL: 2 MB in one string."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    rng = random.Random(4)  # noqa: S311 - the same bytes each time, no secret
    row = bytes(rng.choices(alphabet, k=4096))
    return b'"images":["data:image/png;base64,%b"]' % (row * 512)


KINDS: Mapping[str, Callable[[], bytes]] = {
    "20 KB": _speech,
    "165 KB": _embeddings,
    "2 MB": _image,
}
