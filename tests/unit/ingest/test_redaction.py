"""A body may quote the credential it was sent with; nothing derived from it does."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from ingest.auth import Head
from ingest.providers import PROVIDERS
from ingest.redaction import redact, redacted, shown_by
from schemas.delivery import Delivery
from schemas.event import InferenceEvent

SIGNED = "k1.eyJtIjoiYSJ9.0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
TOKEN = "a token/with+what needs encoding"
PASSWORD = "a-password-of-20-char"
PAIR = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
HEADS = {
    "signed": (Head("deepinfra", SIGNED), SIGNED),
    "mac": (Head("deepinfra", SIGNED), SIGNED.rsplit(".", 1)[1]),
    "token": (Head("deepinfra", TOKEN), TOKEN),
    "encoded": (Head("deepinfra", TOKEN), quote(TOKEN, safe="")),
    "bearer": (Head("deepinfra", None, CIMultiDict(Authorization=f"Bearer {TOKEN}")), TOKEN),
    "pair": (Head("deepinfra", None, CIMultiDict(Authorization=f"Basic {PAIR}")), PAIR),
    "password": (Head("deepinfra", None, CIMultiDict(Authorization=f"Basic {PAIR}")), PASSWORD),
}


def derived(head: Head, **members: Any) -> InferenceEvent:
    body = {"request_id": "R1", "inference_status": {"status": "failed"}, **members}
    raw = json.dumps(body).encode()
    delivery = Delivery("deepinfra", raw, datetime.now(UTC), secrets=shown_by(head))
    (event,) = PROVIDERS["deepinfra"].parse(delivery)
    return redacted(event, delivery)


@pytest.mark.parametrize("how", HEADS)
@pytest.mark.parametrize(
    "quoting",
    [
        lambda secret: {"error": f"cannot post to {secret}: 500"},
        lambda secret: {"error": {"code": secret, "message": secret}},
        lambda secret: {"request_id": secret},
        lambda secret: {"inference_status": {"status": f"queued {secret}"}},
        lambda secret: {"status": secret},
        lambda secret: {"model": secret},
        lambda secret: {"error": "x" * (4096 - len(secret) // 2) + secret},
    ],
    ids=["message", "code", "request id", "progress word", "inner status", "model", "cut"],
)
def test_no_derived_field_quotes_what_the_sender_showed(how: str, quoting: Any) -> None:
    """Neither whole nor, where a text was cut, its first half; the body is as it came."""
    head, secret = HEADS[how]

    event = derived(head, **quoting(secret))

    shown = [event.id, event.request_id, event.provider_status, event.inner_status, event.model]
    shown += [event.error.code, event.error.message] if event.error else []
    said = " ".join(map(str, shown))
    assert secret not in said
    assert secret[: len(secret) // 2] not in said
    assert json.dumps(secret)[1:-1].encode() in event.body or b"xxxx" in event.body


def test_what_is_no_secret_stays_readable() -> None:
    """A short word of a path, or an id that looks like one, is not masked wherever it stands."""
    event = derived(Head("deepinfra", "x"), error="x marks the spot", request_id="Rx")

    assert event.error is not None
    assert (event.request_id, event.error.message) == ("Rx", "x marks the spot")


@given(st.text(max_size=40), st.text(max_size=40), st.text(min_size=16, max_size=60))
def test_a_secret_never_survives(before: str, after: str, secret: str) -> None:
    """Whatever stands around it."""
    assert secret not in redact(before + secret + after, (secret,)).replace("***", "\0")


@given(data=st.data())
def test_the_beginning_of_a_secret_at_a_cut_end_is_masked(data: st.DataObject) -> None:
    """Nine characters are enough to tell; the longest beginning goes."""
    secret = data.draw(st.text("abc", min_size=16, max_size=40))
    shown = data.draw(st.integers(9, len(secret) - 1))
    text = data.draw(st.text("abc", max_size=20)) + secret[:shown]
    assume(secret not in text)

    masked = redact(text, (secret,))

    assert masked.endswith("***")
    assert not any(masked.endswith(secret[:length]) for length in range(9, len(secret)))


@given(text=st.text("abc*/", max_size=60), secret=st.text("ab", min_size=16, max_size=20))
def test_a_text_without_it_is_left_alone(text: str, secret: str) -> None:
    """Short beginnings are in harmless words as well."""
    if secret[:9] not in text:
        assert redact(text, (secret,)) == text
