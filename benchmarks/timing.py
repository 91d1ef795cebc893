"""
Does the time of a refusal tell how wrong a credential was? `python -m benchmarks.timing`.

The verification alone, in this process: wrong credentials of two kinds, in random order, and
Welch's t of their times. As usual for such tests the slowest 5 % of both together, which are
interruptions, are left out. Below 4.5 no difference can be told; exits 1 where there is one.
"""

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.report.machine import this_machine
from ingest.auth.base import Secrets
from ingest.auth.standard_webhooks import SignatureClaim, sign
from schemas.callback import InvalidCredentialError, mint, parse_keys, verify

LIMIT = 4.5
_KEPT = 0.95
_POOL = 64  # different texts of each kind, so that no single one's place in memory counts
_KEYS = parse_keys("k1:0123456789abcdef0123456789abcdef,k2:fedcba9876543210fedcba9876543210")
_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - a benchmark's
_PREFIX, _BODY = b"msg_1.1800000000.", b'{"id":"p1","status":"succeeded"}'

Refuse = Callable[[str], None]
Kinds = tuple[Refuse, Sequence[str], Sequence[str]]


def main() -> None:
    """Measure each comparison, print a line for people and JSON for programs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing", description=__doc__)
    parser.add_argument("--each", type=int, default=100_000, help="verifications of each kind")
    options = parser.parse_args()
    found = {}
    for name, (refuse, first, second) in comparisons().items():
        found[name] = compare(refuse, first, second, options.each)
        print(f"{name}: t = {found[name]['t']:+.2f}", file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                **msgspec.to_builtins(this_machine()),
                "each": options.each,
                "limit": LIMIT,
                "results": found,
            }
        )
    )
    sys.exit(any(abs(result["t"]) >= LIMIT for result in found.values()))


def comparisons() -> dict[str, Kinds]:
    """Return, by name, how a credential is refused, and wrong ones of two kinds."""
    urls = [_credential(number) for number in range(_POOL)]
    tokens = [_TOKEN] * _POOL
    claims = [_right_signature()] * _POOL
    return {
        "signed URL, first against last character of the mac": (
            _refuse_url,
            [_changed(url, url.rindex(".") + 1) for url in urls],
            [_changed(url, -2) for url in urls],
        ),
        "signed URL, known against unknown key id": (
            _refuse_url,
            [_changed(url, -2) for url in urls],
            ["k9" + _changed(url, -2)[2:] for url in urls],
        ),
        "static token, first against last character": (
            _refuse_token,
            [_changed(token, 0, number) for number, token in enumerate(tokens)],
            [_changed(token, -1, number) for number, token in enumerate(tokens)],
        ),
        "Standard Webhooks, first against last character of the signature": (
            _refuse_signature,
            [_changed(claim, 0, number) for number, claim in enumerate(claims)],
            [_changed(claim, -2, number) for number, claim in enumerate(claims)],
        ),
    }


def compare(
    refuse: Refuse, first: Sequence[str], second: Sequence[str], each: int
) -> dict[str, float]:
    """Return Welch's t, and both medians in nanoseconds."""
    source = random.Random(1)  # noqa: S311 - an order, no secret
    order = [0, 1] * each
    source.shuffle(order)
    wrong = [[source.choice(kind) for _ in range(each)] for kind in (first, second)]
    times: tuple[list[int], list[int]] = ([], [])
    gc.disable()
    for kind in order:
        text = wrong[kind].pop()
        started = time.perf_counter_ns()
        refuse(text)
        times[kind].append(time.perf_counter_ns() - started)
    gc.enable()
    longest = sorted([*times[0], *times[1]])[int(2 * each * _KEPT)]
    kept = [[took for took in own if took <= longest] for own in times]
    return {
        "t": round(welch_t(*kept), 3),
        "first_median_ns": statistics.median(times[0]),
        "second_median_ns": statistics.median(times[1]),
    }


def welch_t(first: Sequence[int], second: Sequence[int]) -> float:
    """Return how many standard errors lie between the means."""
    error = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    return float((statistics.fmean(first) - statistics.fmean(second)) / error**0.5)


def _credential(number: int) -> str:
    url = mint("http://x", "deepinfra", _KEYS[0], job=str(number), nonce="n")
    return url.rsplit("/", 1)[1]


def _changed(text: str, at: int, salt: int = 0) -> str:
    """Return a new text with another character at a place."""
    at %= len(text)
    others = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".replace(text[at].upper(), "")
    return text[:at] + others[salt % len(others)] + text[at + 1 :]


def _refuse_url(text: str) -> None:
    try:
        verify(text, "deepinfra", _KEYS)
    except InvalidCredentialError:
        return
    raise AssertionError("a wrong credential was accepted")


_SECRETS = Secrets([_TOKEN.encode(), b"another-token-of-some-length"])


def _refuse_token(text: str) -> None:
    if _SECRETS.hold(text.encode()):
        raise AssertionError("a wrong token was accepted")


def _refuse_signature(text: str) -> None:
    if _claim(text).holds_for(_BODY) is not None:
        raise AssertionError("a wrong signature was accepted")


def _claim(signature: str) -> SignatureClaim:
    return SignatureClaim(_PREFIX, [signature.encode()], [_KEYS[0].secret])


def _right_signature() -> str:
    return sign(_KEYS[0].secret, _PREFIX, _BODY).decode()


if __name__ == "__main__":
    main()
