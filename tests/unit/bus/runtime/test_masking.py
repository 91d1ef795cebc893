"""Secrets out of texts that people read."""

import pytest

from bus.runtime.masking import mask_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:hush@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:hu/sh@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://me:hu@sh@db/x", "postgresql://me:***@db/x"),
        (
            "postgresql://db/x?user=me&password=hush&a=1",
            "postgresql://db/x?user=me&password=***&a=1",
        ),
        (
            "no to postgresql://db/x?sslpassword=hush: refused",
            "no to postgresql://db/x?sslpassword=***",
        ),
        ("s://a:hush@h/1@2,s://b:hush@h/3", "s://a:***@h/1@2,s://b:***@h/3"),
        ("https://h/webhooks/deepinfra/hush", "https://h/webhooks/deepinfra/***"),
    ],
)
def test_no_secret_is_left(text: str, shown: str) -> None:
    """What is no secret stays, to tell one URL from another."""
    masked = mask_url(text)

    assert masked.startswith(shown)
    assert "hu" not in masked


@pytest.mark.parametrize("text", ["http://h:80/a@b", "sqlite:////data/x.db", "no such table: a"])
def test_other_text_stays(text: str) -> None:
    assert mask_url(text) == text
