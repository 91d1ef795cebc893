"""Bodies of failed jobs: the documented one, and error texts wherever they are known to stand."""

from random import Random

from inferbus.simulate.envelope import Body, failed
from inferbus.simulate.words import sentence

_MESSAGES = (
    "CUDA out of memory. Tried to allocate 2.50 GiB",
    "input is too long: 9211 tokens, the limit is 8192",
    "Model is overloaded, please try again later",
    "Das Bild konnte nicht geladen werden: 404 “not found”",
)


def documented(_rng: Random, request_id: str) -> Body:
    """The documentation's sample: no error text at all."""
    return failed(request_id)


def error_text(rng: Random, request_id: str) -> Body:
    """`error` as text."""
    return {**failed(request_id), "error": rng.choice(_MESSAGES)}


def error_object(rng: Random, request_id: str) -> Body:
    """`error.message`, with a code."""
    return {**failed(request_id), "error": {"message": rng.choice(_MESSAGES), "code": 500}}


def detail_error(rng: Random, request_id: str) -> Body:
    """`detail.error`."""
    return {**failed(request_id), "detail": {"error": rng.choice(_MESSAGES)}}


def detail_text(rng: Random, request_id: str) -> Body:
    """`detail` as text."""
    return {**failed(request_id), "detail": rng.choice(_MESSAGES)}


def detail_list(rng: Random, request_id: str) -> Body:
    """`detail` as the list a failed validation gives."""
    where = {"loc": ["body", "input"], "msg": rng.choice(_MESSAGES), "type": "value_error"}
    return {**failed(request_id), "detail": [where]}


def stream_error(rng: Random, request_id: str) -> Body:
    """The names that streaming errors use."""
    return {
        **failed(request_id),
        "error_type": "InferenceError",
        "error_message": rng.choice(_MESSAGES),
    }


def cog(rng: Random, request_id: str) -> Body:
    """A cog model's failure: status and error of its own beside the envelope's."""
    return {
        "id": f"{rng.getrandbits(64):016x}",
        "input": {"prompt": sentence(rng, 8)},
        "output": None,
        "status": "failed",
        "error": rng.choice(_MESSAGES),
        "logs": "",
        **failed(request_id),
    }


def word_error(rng: Random, request_id: str) -> Body:
    """The word `error` instead of `failed`, seen by one family of clients."""
    return {**failed(request_id, "error"), "error": rng.choice(_MESSAGES)}
