"""What the load generator sends: every kind of body, each with what must become of it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

LARGE_BYTES = 12_000
"""Above the inline limit that the systems under test are given."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body, and what storage must make of it once it is acknowledged."""

    request_id: str
    outcome: str
    event_id: str | None
    body: bytes

    @property
    def sha256(self) -> str:
        """What the body is compared by."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Mix:
    """How many of the jobs are of which kind; the rest succeeds, small."""

    failed: float = 0.04
    progress: float = 0.06
    large: float = 0.06
    quarantined: float = 0.03
    conflicting: float = 0.0


def jobs(prefix: str, mix: Mix, rng: Random) -> Iterator[list[Delivery]]:
    """Yield jobs for ever: the deliveries of each, in the order a provider sends them."""
    number = 0
    while True:
        number += 1
        yield _job(f"R{prefix}{number:06d}", mix, rng)


def _job(request_id: str, mix: Mix, rng: Random) -> list[Delivery]:
    drawn = rng.random()
    for share, make in (
        (mix.failed, _failed),
        (mix.progress, _in_steps),
        (mix.large, _large),
        (mix.quarantined, _unreadable),
        (mix.conflicting, _conflicting),
    ):
        if drawn < share:
            return make(request_id)
        drawn -= share
    return [succeeded(request_id)]


def succeeded(request_id: str, note: str = "") -> Delivery:
    """Return a small result; another note makes it a conflict."""
    return _delivery(request_id, "succeeded", "succeeded", note=note, embeddings=[[0.25, -0.5]])


def failed(request_id: str) -> Delivery:
    """Return a failed job; a model of its own gives it an alert of its own."""
    return _delivery(request_id, "failed", "failed", model=f"m-{request_id}", error="out of memory")


def _failed(request_id: str) -> list[Delivery]:
    return [failed(request_id)]


def _in_steps(request_id: str) -> list[Delivery]:
    return [_delivery(request_id, "progress", "running"), succeeded(request_id)]


def _large(request_id: str) -> list[Delivery]:
    return [_delivery(request_id, "succeeded", "succeeded", output="x" * LARGE_BYTES)]


def _unreadable(request_id: str) -> list[Delivery]:
    return [Delivery(request_id, "quarantined", None, f'{{"request_id": "{request_id}", '.encode())]


def _conflicting(request_id: str) -> list[Delivery]:
    return [succeeded(request_id), succeeded(request_id, note="another result")]


def _delivery(request_id: str, outcome: str, word: str, **members: object) -> Delivery:
    status = {"status": word, "runtime_ms": 12, "cost": 0.0000114}
    body = {"request_id": request_id, "inference_status": status, **members}
    last = word if outcome == "progress" else outcome
    event_id = f"deepinfra:{request_id}:{last}"
    return Delivery(request_id, outcome, event_id, json.dumps(body).encode())
