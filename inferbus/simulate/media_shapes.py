"""Bodies whose result is a picture, sound or film: inside the body or by URL."""

from random import Random

from inferbus.simulate import media
from inferbus.simulate.envelope import Body, succeeded
from inferbus.simulate.words import sentence


def image_large(rng: Random, request_id: str) -> Body:
    """A picture as PNG data URI: 2 MB, far more than a Kafka record may hold."""
    return _image(rng, request_id, width=724, height=724)


def image_small(rng: Random, request_id: str) -> Body:
    """A thumbnail: 40 KB."""
    return _image(rng, request_id, width=100, height=100)


def _image(rng: Random, request_id: str, *, width: int, height: int) -> Body:
    return {
        "images": [media.png_uri(rng, width, height)],
        "nsfw_content_detected": [False],
        "seed": rng.getrandbits(64),  # up to 2^64-1: more than a double holds exactly
        **succeeded(rng, request_id),
    }


def image_url(rng: Random, request_id: str) -> Body:
    """A partner model's answer: a top-level status of its own and a relative URL."""
    return {
        "status": "ok",
        "image_url": f"/outputs/{rng.getrandbits(64):016x}.png",
        **succeeded(rng, request_id),
    }


def image_cog(rng: Random, request_id: str) -> Body:
    """A cog model's answer: its own status beside the envelope's, outputs as URLs."""
    name = f"{rng.getrandbits(64):016x}"
    return {
        "id": name,
        "version": None,
        "input": {"prompt": sentence(rng, 12), "seed": rng.getrandbits(63)},
        "output": [f"https://files.example/{name}/out-0.png"],
        "status": "succeeded",
        "error": None,
        "logs": "100%|##########| 25/25\n",
        "metrics": {"predict_time": rng.uniform(1, 9)},
        "created_at": "2026-11-24T08:00:00.000000Z",
        "webhook": "https://receiver.example/webhooks/deepinfra",
        **succeeded(rng, request_id),
    }


def speech(rng: Random, request_id: str) -> Body:
    """Speech with word times, the sound as data URI: some 20 KB."""
    words = [
        {"id": at, "start": at * 0.3, "end": at * 0.3 + 0.2, "text": word}
        for at, word in enumerate(sentence(rng, 6).split())
    ]
    return {
        "audio": media.wav_uri(rng, rng.uniform(0.2, 0.5)),
        "words": words,
        "output_format": "wav",
        "input_character_length": rng.randint(5, 200),
        **succeeded(rng, request_id),
    }


def speech_bare(rng: Random, request_id: str) -> Body:
    """Speech as bare base64, unpadded as some models send it."""
    audio = media.wav_base64(rng, rng.uniform(0.2, 0.5)).rstrip("=")
    return {"audio": audio, "output_format": "wav", **succeeded(rng, request_id)}


def video_url(rng: Random, request_id: str) -> Body:
    """A film by URL: absolute or relative, in either of the known fields."""
    name = f"outputs/{rng.getrandbits(64):016x}.mp4"
    absolute = f"https://api.example/{name}"
    fields: Body = rng.choice(
        (
            {"video_url": absolute, "seed": rng.getrandbits(32)},
            {"video_url": f"/{name}", "seed": rng.getrandbits(32)},
            {"video": f"/{name}", "videos": [absolute, {"url": absolute}], "status": "ok"},
        )
    )
    return {**fields, **succeeded(rng, request_id)}


def video_data(rng: Random, request_id: str) -> Body:
    """A short film inside the body: 1.3 MB."""
    return {
        "video_url": media.mp4_uri(rng, 1_000_000),
        "seed": str(rng.getrandbits(32)),
        **succeeded(rng, request_id),
    }


def music(rng: Random, request_id: str) -> Body:
    """A song with the words it sings."""
    return {
        "audio": media.wav_uri(rng, 0.5),
        "output_format": "wav",
        "duration_seconds": rng.uniform(10, 200),
        "seed": rng.getrandbits(64),
        "generated_lyrics": sentence(rng, 40),
        **succeeded(rng, request_id),
    }


def inner_failure(rng: Random, request_id: str) -> Body:
    """A succeeded envelope around a failed job: the outcome is the envelope's."""
    results = {"status": rng.choice(("error", "cancelled")), "error": sentence(rng, 5)}
    return {**succeeded(rng, request_id), "results": results}
