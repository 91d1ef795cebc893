"""
Every shape of body that DeepInfra is known to send, made from a seeded random.

The tasks and their fields are those of the vendor's SDKs and model pages; fields stand at
top level or under `results`, since the documentation shows both.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import orjson

from inferbus.simulate import failures, media_shapes, text_shapes, vector_shapes
from inferbus.simulate.envelope import Body

Build = Callable[[Random, str], Body]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of body: how often it comes (relative weight) and how it is made."""

    name: str
    weight: int
    build: Build


# Mostly small, so that a thousand jobs are some 15 MB: the large ones are rare, not absent.
SUCCEEDED: tuple[Shape, ...] = (
    Shape("text-generation", 360, text_shapes.text_generation),
    Shape("text-generation-long", 6, text_shapes.text_generation_long),
    Shape("documented-sample", 40, text_shapes.documented_sample),
    Shape("speech-recognition", 90, text_shapes.speech_recognition),
    Shape("speech-recognition-words", 30, text_shapes.speech_recognition_words),
    Shape("text-classification", 40, text_shapes.text_classification),
    Shape("token-classification", 30, text_shapes.token_classification),
    Shape("fill-mask", 30, text_shapes.fill_mask),
    Shape("question-answering", 30, text_shapes.question_answering),
    Shape("embedding", 60, vector_shapes.embedding),
    Shape("embedding-batch", 12, vector_shapes.embedding_batch),
    Shape("embedding-large", 1, vector_shapes.embedding_large),
    Shape("reranker", 50, vector_shapes.reranker),
    Shape("object-detection", 40, vector_shapes.object_detection),
    Shape("image-large", 3, media_shapes.image_large),
    Shape("image-small", 20, media_shapes.image_small),
    Shape("image-url", 40, media_shapes.image_url),
    Shape("image-cog", 40, media_shapes.image_cog),
    Shape("speech", 15, media_shapes.speech),
    Shape("speech-bare", 10, media_shapes.speech_bare),
    Shape("video-url", 30, media_shapes.video_url),
    Shape("video-data", 1, media_shapes.video_data),
    Shape("music", 5, media_shapes.music),
    Shape("inner-failure", 5, media_shapes.inner_failure),
)

# The documented failure has no error text; the other places are those of the HTTP errors.
FAILED: tuple[Shape, ...] = (
    Shape("failed-documented", 4, failures.documented),
    Shape("failed-error-text", 2, failures.error_text),
    Shape("failed-error-object", 1, failures.error_object),
    Shape("failed-detail-error", 2, failures.detail_error),
    Shape("failed-detail-text", 1, failures.detail_text),
    Shape("failed-detail-list", 1, failures.detail_list),
    Shape("failed-stream-error", 1, failures.stream_error),
    Shape("failed-cog", 1, failures.cog),
    Shape("failed-word-error", 1, failures.word_error),
)

BY_NAME: Mapping[str, Shape] = {shape.name: shape for shape in (*SUCCEEDED, *FAILED)}

# Spelled as orjson, as Python's json and as a pretty printer would: receivers must keep each.
_SPELLINGS: tuple[Callable[[Body], bytes], ...] = (
    orjson.dumps,
    lambda body: json.dumps(body).encode(),
    lambda body: json.dumps(body, ensure_ascii=False).encode() + b"\n",
    lambda body: orjson.dumps(body, option=orjson.OPT_INDENT_2),
)
# Pure Python's json takes 0.1 s for a megabyte; large bodies are spelled by orjson.
_LARGE = frozenset({"embedding-batch", "embedding-large", "image-large", "video-data"})


def make_body(shape: str, request_id: str, seed: int) -> bytes:
    """Return the bytes of one body; the same arguments give the same bytes."""
    rng = Random(seed)  # noqa: S311 - made-up content, nothing secret
    spell = rng.choice(_SPELLINGS)
    content = BY_NAME[shape].build(rng, request_id)
    return orjson.dumps(content) if shape in _LARGE else spell(content)
