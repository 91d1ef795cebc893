"""What client code holds on to."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from inferbus import callback

KEY = "k1:0123456789abcdef0123456789abcdef"


def test_importing_it_needs_the_standard_library_only() -> None:
    """Client code mints URLs without the service's dependencies, in no time."""
    heavy = ("typer", "pydantic", "msgspec", "orjson", "aiohttp", "kafka", "sqlalchemy", "rich")
    code = f"import sys, inferbus.callback; print([m for m in {heavy} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_url_carries_what_it_was_made_with() -> None:
    url = callback.url(
        "https://hooks.example.com/",
        "deepinfra",
        key=KEY,
        model="meta/llama",
        labels={"team": "a", "env": "prod"},
        job="job-7",
    )

    provider, said = callback.inspect(url)
    assert url.startswith("https://hooks.example.com/webhooks/deepinfra/k1.")
    assert (provider, said.model, said.job) == ("deepinfra", "meta/llama", "job-7")
    assert said.labels == {"team": "a", "env": "prod"}
    assert callback.verify(url.rsplit("/", 1)[1], "deepinfra", callback.parse_keys(KEY)) == said


def test_a_url_ends_after_a_week_unless_said() -> None:
    _, said = callback.inspect(callback.url("http://h", "deepinfra", key=KEY))

    assert said.expires_at == pytest.approx(time.time() + 7 * 86_400, abs=5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"expires_in_s": None}, None),
        ({"expires_at": 2_000_000_000}, 2_000_000_000),
        ({"expires_at": datetime(2030, 1, 1, tzinfo=UTC)}, 1_893_456_000),
    ],
)
def test_an_expiry_may_be_said_in_several_ways(given: Any, expected: Any) -> None:
    _, said = callback.inspect(callback.url("http://h", "deepinfra", key=KEY, **given))

    assert said.expires_at == expected


def test_two_urls_of_one_job_differ() -> None:
    """A nonce keeps identical results of two submissions two events."""
    first, second = (callback.url("http://h", "deepinfra", key=KEY, job="7") for _ in range(2))

    assert first != second


def test_of_several_keys_the_first_mints() -> None:
    url = callback.url("http://h", "deepinfra", key=f"new:{'a' * 32},{KEY}")

    assert "/new." in url


def test_a_key_object_will_do() -> None:
    key = callback.SigningKey("k9", b"s" * 32)

    assert "/k9." in callback.url("http://h", "deepinfra", key=key)


@pytest.mark.parametrize("key", ["", "no-colon", "k1:short"])
def test_an_unusable_key_is_refused_with_its_reason(key: str) -> None:
    with pytest.raises(callback.CallbackError):
        callback.url("http://h", "deepinfra", key=key)
