"""Characters that move a cursor, hide text or recolour what follows, made visible."""

import json
import re

# Control, format (bidi overrides, zero widths), surrogates, line and paragraph separators.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U0001d173-\U0001d17a\U000e0001-\U000e007f]"
)


def visible(text: str) -> str:
    """Return the text for people: such characters stand as escapes."""
    return text if _is_plain(text) else _UNSAFE.sub(_visible_escape, text)


def visible_json(text: str) -> str:
    """Return JSON of one line that means the same, such characters written as its escapes."""
    return text if _is_plain(text) else _UNSAFE.sub(_json_escape, text)


def _is_plain(text: str) -> bool:
    """Tell at once of what almost every line is: to search it takes ten times as long."""
    return text.isascii() and text.isprintable()


def _json_escape(match: re.Match[str]) -> str:
    # Outside of strings JSON of ours holds none of these, inside an escape means the same.
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"


def _visible_escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()
