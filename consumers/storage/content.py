"""Whether two bodies say the same."""

import json
from typing import Any


def is_same_content(one: bytes, other: bytes) -> bool:
    """
    Tell whether two JSON bodies differ in key order and white space at most.

    Numbers are compared as they are written: 2^64 and 2^64 + 1 would be the same float, and
    what 1.0 and 1 are is the provider's to say. Bodies that cannot be read differ.
    """
    try:
        return bool(_read(one) == _read(other))
    except (ValueError, RecursionError):
        return one == other


def _read(body: bytes) -> Any:
    return json.loads(
        body.decode(),
        parse_int=_number,
        parse_float=_number,
        parse_constant=_number,
        object_pairs_hook=_members,
    )


def _number(text: str) -> tuple[str, str]:
    # A tuple equals nothing else that json makes, least of all the string "1".
    return ("number", text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    # A repeated key is legal JSON; which of its values counts is the reader's choice.
    members: dict[str, list[Any]] = {}
    for name, value in pairs:
        members.setdefault(name, []).append(value)
    return members
