"""Check what was published against the published JSON Schemas."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from jsonschema_rs import Draft202012Validator

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas" / "v1"
EXAMPLES = ROOT / "schemas" / "examples" / "v1"


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of `schemas/v1/<name>.schema.json`, formats checked."""
    text = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text), validate_formats=True, offline=True)


def validate_event(value: bytes) -> None:
    """Raise where the value of an event's record is no strict JSON or breaks its schema."""
    document = json.loads(value.decode("utf-8"), parse_constant=_refuse)
    if "payload" in document:
        # The schema takes any payload; the validator itself refuses numbers beyond a float (1e999).
        document["payload"] = None
    validator("event").validate(document)


def validate_headers(name: str, headers: Iterable[tuple[str, bytes]]) -> None:
    """Raise where a `quarantine` or `deadletter` record's headers break their schema."""
    validator(name).validate({key: raw.decode("utf-8") for key, raw in headers})


def validate_receipt(answer: Mapping[str, object]) -> None:
    """Raise where an answer to a delivery breaks its schema."""
    validator("receipt").validate(answer)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
