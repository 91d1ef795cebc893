"""Paths of the endpoint, as they come."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.paths import WebhookPath, webhook_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/webhooks/deepinfra", WebhookPath("deepinfra")),
        ("/webhooks/deepinfra/", WebhookPath("deepinfra")),
        ("/webhooks/deepinfra/k.p.m", WebhookPath("deepinfra", "k.p.m")),
        ("/webhooks/deepinfra/k.p.m/", WebhookPath("deepinfra", "k.p.m")),
        ("/webhooks/deepinfra/a%2Fb", WebhookPath("deepinfra", "a/b")),
        ("/webhooks/a%0Ab", WebhookPath("a\nb")),
        ("/webhooks", None),
        ("/webhooks/", None),
        ("/webhooks//", None),
        ("/webhooks//x", None),
        ("/webhooks/a/b/c", None),
        ("/webhooks/a//", None),
        ("/webhooksx/a", None),
        ("/x/webhooks/a", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_path_names_provider_and_credential(path: str, expected: WebhookPath | None) -> None:
    assert webhook_path(path) == expected


@given(path=st.text(max_size=60))
def test_any_path_is_ours_or_not(path: str) -> None:
    """Nothing in a path raises."""
    webhook_path("/webhooks/" + path)


@given(provider=st.binary(min_size=1, max_size=20), credential=st.binary(min_size=1, max_size=60))
def test_encoded_bytes_come_back(provider: bytes, credential: bytes) -> None:
    """Slashes, dots, NUL and what is no UTF-8: two parts in, the same two out."""
    path = webhook_path(f"/webhooks/{quote(provider, safe='')}/{quote(credential, safe='')}")

    assert path is not None
    parts = (path.provider, path.credential or "")
    assert tuple(p.encode("utf-8", "surrogateescape") for p in parts) == (provider, credential)


def test_the_credential_is_not_shown() -> None:
    """It would end in a traceback or a log."""
    assert "secret" not in repr(webhook_path("/webhooks/deepinfra/secret"))
