"""What every DeepInfra body has: the request id and the inference status."""

import string
import struct
from random import Random
from typing import Any

Body = dict[str, Any]

_ID_ALPHABET = string.ascii_letters + string.digits


def make_request_id(rng: Random) -> str:
    """Return `R` and 23 alphanumerics, as in every sample of the provider."""
    return "R" + "".join(rng.choices(_ID_ALPHABET, k=23))


def float_noise(amount: float) -> float:
    """
    Return the amount as the provider writes it: a 32-bit float, widened.

    0.000114 becomes the documented 0.0001140000022132881.
    """
    widened: float = struct.unpack("f", struct.pack("f", amount))[0]
    return widened


def succeeded(rng: Random, request_id: str, **tokens: int | None) -> Body:
    """Return the envelope of a job that ended well; `tokens` are the counts LLMs add."""
    runtime_ms = int(rng.lognormvariate(6.5, 1.0)) + 1
    cost = float_noise(round(runtime_ms * rng.choice((5e-7, 1.9e-6, 2.1e-5)), 7))
    status: Body = {"status": "succeeded", "runtime_ms": runtime_ms, "cost": cost, **tokens}
    return {"request_id": request_id, "inference_status": status}


def failed(request_id: str, word: str = "failed") -> Body:
    """Return the documented envelope of a failed job: no run time, no cost."""
    status: Body = {"status": word, "runtime_ms": 0, "cost": 0.0}
    return {"request_id": request_id, "inference_status": status}
