"""No secret is shown, also none inside a URL."""

from typing import Any

import pytest
from pydantic import SecretStr

from inferbus.masked import mask_secret_url, masked


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hush@db:5432/inferbus",
        "postgresql+psycopg://me:hu/hush@db/inferbus",
        "postgresql+psycopg://me:a@hush@db/inferbus",
        "postgresql+psycopg://:hush@db/inferbus",
        "postgresql+psycopg://db/inferbus?user=me&password=hush",
        "postgresql+psycopg://db/inferbus?sslpassword=hush&x=1",
        "s3://bucket/prefix?secret_access_key=hush",
        "https://h/webhooks/deepinfra/hush",
    ],
)
def test_a_secret_in_a_url_is_masked_wherever_it_stands(url: str) -> None:
    shown = mask_secret_url(url)

    assert "hush" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/inferbus.db",
        "file:///data/blobs",
        "http://127.0.0.1:8080/a@b",
        "postgresql+psycopg://db:5432/inferbus",
        "broker-1:9092,broker-2:9092",
    ],
)
def test_a_url_without_a_secret_stays_as_it_is(url: str) -> None:
    assert mask_secret_url(url) == url


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("INFERBUS_INGEST__SIGNING_KEYS", "k1:hush", "***"),
        (
            "INFERBUS_ALERTING__WEBHOOK_URL",
            "https://chat.example/T0/hush",
            "https://chat.example/***",
        ),
        ("INFERBUS_STORAGE__URL", "postgresql://me:hush@db/x", "postgresql://me:***@db/x"),
    ],
)
def test_a_secret_setting_shows_what_helps_and_no_more(name: str, text: str, expected: Any) -> None:
    assert masked(name, SecretStr(text)) == expected


def test_numbers_and_nothing_stay_what_they_are() -> None:
    assert masked("X", 7) == 7
    assert masked("X", None) is None
