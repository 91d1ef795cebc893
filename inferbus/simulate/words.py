"""Made-up text, with what real text has: accents, other scripts, quotes, line ends."""

from random import Random

_WORDS = [
    "the",
    "model",
    "answers",
    "with",
    "a",
    "sentence",
    "about",
    "tokens",
    "and",
    "prices",
    "while",
    "the",
    "batch",
    "is",
    "running",
    "naïve",
    "façade",
    "Größe",
    "Übung",
    "précis",
    "señor",
    "Łódź",
    "Привет",
    "мир",
    "推論",
    "結果",
    "ありがとう",
    "한국어",
    "שלום",
    "مرحبا",
    "🙂",
    "👩\u200d🚀",
    "“quoted”",
    '"plain"',
    "back\\slash",
    "tab\there",
    "line\nend",
    "C:\\temp",
    "</script>",
    "&",
    "½",
    "€1,50",
    "1e-7",
    "null",
]


def sentence(rng: Random, words: int) -> str:
    """Return that many words."""
    return " ".join(rng.choices(_WORDS, k=words))
