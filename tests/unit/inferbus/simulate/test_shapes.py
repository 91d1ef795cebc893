"""Bodies are DeepInfra's: valid JSON, the known places for ids, status, money and errors."""

import base64
import json
import re
import zlib
from decimal import Decimal

import pytest

from inferbus.simulate.envelope import float_noise, make_request_id
from inferbus.simulate.plan import _random
from inferbus.simulate.shapes import BY_NAME, FAILED, SUCCEEDED, make_body

REQUEST = "R" + "a1" * 11 + "Z"


@pytest.mark.parametrize("shape", BY_NAME)
def test_a_body_is_json_with_the_envelope(shape: str) -> None:
    """Every shape carries the request id and a status, whatever else it holds."""
    body = json.loads(make_body(shape, REQUEST, 7))

    assert body["request_id"] == REQUEST
    assert set(body["inference_status"]) >= {"status", "runtime_ms", "cost"}


@pytest.mark.parametrize("shape", BY_NAME)
def test_the_same_seed_makes_the_same_bytes(shape: str) -> None:
    """A redelivery has identical bytes; another seed has others."""
    assert make_body(shape, REQUEST, 7) == make_body(shape, REQUEST, 7)
    if shape != "failed-documented":  # it holds nothing but the id
        assert make_body(shape, REQUEST, 7) != make_body(shape, REQUEST, 8)


def test_the_outcome_is_the_envelopes() -> None:
    """Shapes that end well say succeeded, also around an inner failure; failed ones never."""
    words = {name: json.loads(make_body(name, REQUEST, 1))["inference_status"] for name in BY_NAME}

    assert {words[shape.name]["status"] for shape in SUCCEEDED} == {"succeeded"}
    assert {words[shape.name]["status"] for shape in FAILED} == {"failed", "error"}


def test_the_documented_failure_has_no_error_text() -> None:
    """That sample is what the documentation shows."""
    body = json.loads(make_body("failed-documented", REQUEST, 1))

    assert body == {
        "request_id": REQUEST,
        "inference_status": {"status": "failed", "runtime_ms": 0, "cost": 0.0},
    }


def test_sizes_run_from_small_text_to_a_2_mb_image() -> None:
    """The sizes that matter: a record's limit lies between the embeddings and the image."""
    size = {name: len(make_body(name, REQUEST, 1)) for name in BY_NAME}

    assert size["text-classification"] < 1_000
    assert 10_000 < size["speech-recognition"] < 60_000
    assert 150_000 < size["embedding-batch"] < 180_000
    assert 2_000_000 < size["image-large"] < 2_300_000


def test_a_thousand_jobs_stay_quick_to_send() -> None:
    """Weighted by how often they come, bodies are some 20 KB."""
    weights = sum(shape.weight for shape in SUCCEEDED)
    total = sum(shape.weight * len(make_body(shape.name, REQUEST, 1)) for shape in SUCCEEDED)

    assert total / weights < 30_000


def test_the_picture_is_a_real_png() -> None:
    """A viewer opens what `get --raw` gives: signature, check sums and pixels are right."""
    uri = json.loads(make_body("image-small", REQUEST, 1))["images"][0]
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    start = png.index(b"IDAT")
    length = int.from_bytes(png[start - 4 : start], "big")
    data = png[start + 4 : start + 4 + length]
    assert len(zlib.decompress(data)) == 100 * (1 + 3 * 100)
    assert zlib.crc32(b"IDAT" + data) == int.from_bytes(
        png[start + 4 + length : start + 8 + length], "big"
    )


def test_cost_has_the_documented_float_noise() -> None:
    """0.000114 comes as the number in the provider's own sample."""
    assert repr(float_noise(0.000114)) == "0.0001140000022132881"


def test_cost_is_never_given_as_text() -> None:
    """Money is a JSON number, of more digits than a cent has."""
    body = json.loads(make_body("reranker", REQUEST, 3), parse_float=Decimal)

    assert isinstance(body["inference_status"]["cost"], Decimal)


def test_request_ids_are_r_and_23_alphanumerics() -> None:
    """As in every sample."""
    rng = _random(1, "ids")

    ids = {make_request_id(rng) for _ in range(500)}

    assert len(ids) == 500
    assert all(re.fullmatch(r"R[0-9A-Za-z]{23}", request_id) for request_id in ids)
