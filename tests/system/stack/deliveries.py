"""Delivering to a stack and looking into its storage, as its tests do again and again."""

import json
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from addresses import Addresses
from compose import Stack
from stranger import post, request_id, signed_path, succeeded_body

_Answer = TypeVar("_Answer")


def deliver(addresses: Addresses, *, filler: int = 0) -> tuple[str, bytes]:
    """Deliver one result and expect it taken; return its request id and its body."""
    identity = request_id()
    body = succeeded_body(identity, filler=filler)
    status, answer = post(addresses.ingest + signed_path(addresses.signing_key, "m/restart"), body)
    assert status == 200, answer
    return identity, body


def stored(stack: Stack, identity: str) -> dict[str, object]:
    """Return the stored row, waiting for it."""

    def row() -> dict[str, object]:
        found: dict[str, object] = json.loads(stack.inferbus("get", identity, "--json"))
        return found

    return eventually(row)


def wait_stored(stack: Stack, identities: Iterable[str]) -> None:
    """Return once all of them are stored."""
    wanted = set(identities)

    def all_of_them() -> None:
        printed = stack.inferbus("list", "--json", "--limit", "100000")
        missing = wanted - {json.loads(line)["request_id"] for line in printed.splitlines()}
        assert not missing, f"not stored: {sorted(missing)}"

    eventually(all_of_them)


def eventually(ask: Callable[[], _Answer], timeout_s: float = 240) -> _Answer:
    """Return the first answer that is no failure; the machine may be slow."""
    ends_at = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except (AssertionError, OSError):
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.5)
