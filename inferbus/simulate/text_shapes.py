"""Bodies whose result is text: generation, transcription, classification."""

from random import Random

from inferbus.simulate.envelope import Body, succeeded
from inferbus.simulate.words import sentence


def text_generation(rng: Random, request_id: str) -> Body:
    """A completion with its token counts."""
    return _generation(rng, request_id, rng.randint(20, 400))


def text_generation_long(rng: Random, request_id: str) -> Body:
    """A long completion: 0.1 to 0.3 MB."""
    return _generation(rng, request_id, rng.randint(12_000, 35_000))


def _generation(rng: Random, request_id: str, words: int) -> Body:
    tokens = {"tokens_generated": words * 4 // 3, "tokens_input": rng.randint(5, 4000)}
    texts = [sentence(rng, words) for _ in range(rng.choice((1, 1, 1, 2)))]
    return {
        **succeeded(rng, request_id, **tokens),
        "results": [{"generated_text": text} for text in texts],
        "num_tokens": tokens["tokens_generated"],
        "num_input_tokens": tokens["tokens_input"],
    }


def documented_sample(rng: Random, request_id: str) -> Body:
    """The documentation's own sample: `results` is an object, though no SDK type says so."""
    return {
        **succeeded(rng, request_id),
        "results": {"generated_text": sentence(rng, rng.randint(1, 60))},
    }


def speech_recognition(rng: Random, request_id: str) -> Body:
    """A transcript of some minutes: about 20 KB, the result at top level."""
    segments = [_segment(rng, number) for number in range(rng.randint(20, 60))]
    return {
        "text": " ".join(segment["text"] for segment in segments),
        "segments": segments,
        "language": rng.choice(("en", "de", "ja", "ar")),
        "input_length_ms": len(segments) * 4000,
        **succeeded(rng, request_id, tokens_generated=None, tokens_input=None),
    }


def _segment(rng: Random, number: int) -> Body:
    return {
        "id": number,
        "seek": number * 400,
        "start": number * 4.0,
        "end": number * 4.0 + round(rng.uniform(1, 4), 2),
        "text": sentence(rng, rng.randint(6, 14)),
        "tokens": rng.choices(range(50_000), k=20),
        "temperature": 0.0,
        "avg_logprob": -rng.random(),
        "compression_ratio": rng.uniform(1, 2),
        "no_speech_prob": rng.random() / 1e9,
    }


def speech_recognition_words(rng: Random, request_id: str) -> Body:
    """The newer transcript: words with times, nested under `results`."""
    words = sentence(rng, rng.randint(20, 120)).split()
    timed = [
        {"text": word, "start": at * 0.4, "end": at * 0.4 + 0.3} for at, word in enumerate(words)
    ]
    results = {"text": " ".join(words), "words": timed, "duration": len(words) * 0.4}
    return {**succeeded(rng, request_id), "results": results}


def text_classification(rng: Random, request_id: str) -> Body:
    """Labels with scores."""
    labels = [{"label": label, "score": rng.random()} for label in ("POSITIVE", "NEGATIVE")]
    return {**succeeded(rng, request_id), "results": labels}


def token_classification(rng: Random, request_id: str) -> Body:
    """Named entities and where they stand."""
    found = [
        {"entity_group": "PER", "score": rng.random(), "word": word, "start": at, "end": at + 4}
        for at, word in enumerate(sentence(rng, 12).split())
    ]
    return {**succeeded(rng, request_id), "results": found}


def fill_mask(rng: Random, request_id: str) -> Body:
    """Candidates for a masked word."""
    found = [
        {"sequence": sentence(rng, 8), "score": rng.random(), "token": at, "token_str": "word"}
        for at in range(5)
    ]
    return {**succeeded(rng, request_id), "results": found}


def question_answering(rng: Random, request_id: str) -> Body:
    """A flat answer; there is no `results`."""
    answer = sentence(rng, 4)
    flat = {"answer": answer, "score": rng.random(), "start": 3, "end": 3 + len(answer)}
    return {**flat, **succeeded(rng, request_id)}
