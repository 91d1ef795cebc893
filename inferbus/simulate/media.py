"""Pictures, sound and film as data URIs: valid files of chosen size with random content."""

import base64
import struct
import zlib
from random import Random


def png_uri(rng: Random, width: int, height: int) -> str:
    """Return a PNG of noise; about `4 * width * height` characters of text."""
    row = 1 + 3 * width
    pixels = bytearray(rng.randbytes(row * height))
    pixels[::row] = bytes(height)  # each row starts with its filter type: none
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    # Noise does not compress; level 0 saves the time.
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(pixels, 0)), (b"IEND", b"")
    return _uri("image/png", b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*c) for c in chunks))


def wav_base64(rng: Random, seconds: float) -> str:
    """Return 24 kHz mono speech-like noise: 64 KB of text for each second."""
    samples = rng.randbytes(2 * int(24_000 * seconds))
    layout = struct.pack("<HHIIHH", 1, 1, 24_000, 48_000, 2, 16)
    wave = b"WAVEfmt " + _sized(layout) + b"data" + _sized(samples)
    return base64.b64encode(b"RIFF" + _sized(wave)).decode()


def wav_uri(rng: Random, seconds: float) -> str:
    """Return the same sound as a data URI."""
    return f"data:audio/wav;base64,{wav_base64(rng, seconds)}"


def mp4_uri(rng: Random, size: int) -> str:
    """Return an MP4 file type box and `size` random bytes as its media."""
    file_type = struct.pack(">I", 20) + b"ftypisom\x00\x00\x02\x00isom"
    return _uri(
        "video/mp4", file_type + struct.pack(">I", 8 + size) + b"mdat" + rng.randbytes(size)
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _sized(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
