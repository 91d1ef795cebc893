"""Every hostile body is an event or has its reason, as listed."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import orjson
import pytest

from ingest.providers import PROVIDERS
from ingest.providers.base import MalformedDelivery
from schemas.callback import Capability
from schemas.codec import decode_event, encode_event
from schemas.delivery import Delivery
from schemas.event import InferenceEvent
from tests.support.hostile import CORPUS, LISTING, Case, listing

_AT = datetime(2026, 1, 2, tzinfo=UTC)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls, white space, what joins or turns text around.
_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\ufeff]")


@cache
def parse(case: Case) -> InferenceEvent | str:
    delivery = Delivery(case.provider, case.body, _AT, Capability("k1", ""))
    try:
        (event,) = PROVIDERS[case.provider].parse(delivery)
    except MalformedDelivery as finding:
        return finding.reason
    return event


def is_strict_json(body: bytes) -> bool:
    """Ask a parser that has nothing in common with ours, without its own liberties."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_int=str, parse_float=str)
        return _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False)) is None
    except (ValueError, RecursionError):
        return False


def _refuse(literal: str) -> None:
    raise ValueError(literal)


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    """One run sends them all: no two may be the same delivery."""
    assert len(CORPUS) >= 300
    assert len({case.name for case in CORPUS}) == len(CORPUS)
    assert len({(case.provider, case.body) for case in CORPUS}) == len(CORPUS)


def test_the_listing_is_up_to_date() -> None:
    """Names and verdicts can be read without a run: `python -m tests.support.hostile`."""
    assert LISTING.read_text(encoding="utf-8") == listing()


def test_each_body_gets_its_verdict() -> None:
    """An outcome or a reason, and never another exception."""
    found = {case.name: _said(parse(case)) for case in CORPUS}

    assert found == {case.name: case.verdict for case in CORPUS}


def test_the_verdicts_agree_with_another_parser() -> None:
    """What is published is strict JSON; what is refused as no JSON is none."""
    shallow = [case for case in CORPUS if "deep" not in case.name and "depth" not in case.name]
    strict = {case.name for case in shallow if is_strict_json(case.body)}

    refused = {case.name for case in shallow if case.verdict in ("not-json", "not-utf8")}
    assert strict == {case.name for case in shallow} - refused


def test_what_is_read_is_what_stands_there() -> None:
    """Money, counts, ids and texts: exact, or null."""
    wrong = []
    for case in CORPUS:
        event = parse(case)
        if isinstance(event, InferenceEvent):
            wrong += [f"{case.name}: {each}" for each in _differences(case, event)]

    assert wrong == []


def test_every_event_crosses_the_bus_unchanged() -> None:
    """Its value is one strict JSON object, its id fits a header and a log line."""
    for case in CORPUS:
        event = parse(case)
        if isinstance(event, InferenceEvent):
            value = encode_event(event)
            head = encode_event(msgspec.structs.replace(event, body=b"{}"))
            assert decode_event(value) == event, case.name
            assert orjson.loads(head)["id"] == event.id
            assert _UNSAFE.search(event.id) is None, case.name


def _said(parsed: InferenceEvent | str) -> str:
    return parsed if isinstance(parsed, str) else parsed.outcome.value


def _differences(case: Case, event: InferenceEvent) -> list[str]:
    columns: dict[str, Any] = {
        "request_id": None if event.request_id.startswith("sha256-") else event.request_id,
        "cost_usd": None if event.cost_usd is None else format(event.cost_usd, "f"),
        "runtime_ms": event.runtime_ms,
        "error_message": event.error and event.error.message,
        "model": event.model,
    }
    return [
        f"{name} is {columns[name]!r}, not {expected!r}"
        for name, expected in case.row.items()
        if columns[name] != expected
    ]


@pytest.mark.parametrize("reason", ["not-json", "not-utf8", "not-object", "too-deep"])
def test_each_reason_is_shown(reason: str) -> None:
    """The corpus would not notice a check that is gone without a body for it."""
    assert sum(case.verdict == reason for case in CORPUS) >= 5
