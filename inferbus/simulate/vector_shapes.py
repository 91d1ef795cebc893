"""Bodies whose result is numbers: embeddings, scores, boxes."""

from random import Random

from inferbus.simulate.envelope import Body, succeeded


def embedding(rng: Random, request_id: str) -> Body:
    """One vector of 1,024 numbers: 20 KB."""
    return _embeddings(rng, request_id, vectors=1, dimensions=1024)


def embedding_batch(rng: Random, request_id: str) -> Body:
    """Eight of them: 165 KB."""
    return _embeddings(rng, request_id, vectors=8, dimensions=1024)


def embedding_large(rng: Random, request_id: str) -> Body:
    """Sixteen vectors of 4,096 numbers: 1.3 MB, more than a Kafka record may hold."""
    return _embeddings(rng, request_id, vectors=16, dimensions=4096)


def _embeddings(rng: Random, request_id: str, *, vectors: int, dimensions: int) -> Body:
    number = rng.random
    return {
        "embeddings": [[number() - 0.5 for _ in range(dimensions)] for _ in range(vectors)],
        "input_tokens": rng.randint(5, 500) * vectors,
        **succeeded(rng, request_id),
    }


def reranker(rng: Random, request_id: str) -> Body:
    """One score for each document."""
    scores = [rng.random() for _ in range(rng.randint(2, 100))]
    return {"scores": scores, "input_tokens": rng.randint(50, 5000), **succeeded(rng, request_id)}


def object_detection(rng: Random, request_id: str) -> Body:
    """Boxes with labels and scores."""
    return {**succeeded(rng, request_id), "results": [_box(rng) for _ in range(rng.randint(0, 9))]}


def _box(rng: Random) -> Body:
    left, top = rng.randint(0, 500), rng.randint(0, 500)
    box = {"xmin": left, "ymin": top, "xmax": left + 40, "ymax": top + 40}
    return {"label": rng.choice(("cat", "remote", "couch")), "score": rng.random(), "box": box}
