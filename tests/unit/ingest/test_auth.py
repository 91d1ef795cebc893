"""Who may post: any one method suffices, and a method without its secret does not start."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bus.runtime.settings_sections import IngestSettings
from ingest.auth import Head, UnauthenticatedError, authenticator_from
from schemas.callback import Capability, mint, parse_keys

SECRET = "0123456789abcdef0123456789abcdef"
KEY = parse_keys(f"k1:{SECRET}")[0]
TOKEN = "token-token-token-token"


class ByPath:
    """An authenticator of the settings, asked with nothing but a path."""

    def __init__(self, auth: str, **secrets: Any) -> None:
        settings = IngestSettings.model_validate({"auth": auth, **secrets})
        self._authenticator = authenticator_from(settings)

    def authenticate(self, provider: str, credential: str | None) -> Capability:
        admitted = self._authenticator.admit(Head(provider, credential), now_s=0)
        assert isinstance(admitted, Capability)
        return admitted


def authenticator(auth: str = "signed-url", **secrets: Any) -> ByPath:
    return ByPath(auth, **secrets)


def signed(**said: Any) -> str:
    return mint("http://x", "deepinfra", KEY, **said).rsplit("/", 1)[1]


def test_a_signed_url_says_what_it_was_minted_with() -> None:
    """Authentication and correlation in one move."""
    capability = authenticator(signing_keys=f"k1:{SECRET}").authenticate(
        "deepinfra", signed(model="m", labels={"a": "b"}, job="j")
    )

    assert (capability.model, capability.labels, capability.job) == ("m", {"a": "b"}, "j")


def test_every_active_key_verifies() -> None:
    """Rotation: the new key mints, URLs of the old one still work."""
    both = authenticator(signing_keys=f"k2:{SECRET[::-1]},k1:{SECRET}")

    assert both.authenticate("deepinfra", signed()).key_id == "k1"


@pytest.mark.parametrize(
    "credential", [None, "", "k1", "k1.x", "k1.e30.AAAA", "..", "k1.\udcff.x", "é"]
)
def test_a_strange_credential_is_refused(credential: str | None) -> None:
    """Whatever stands in the path, there is one exception."""
    with pytest.raises(UnauthenticatedError):
        authenticator(signing_keys=f"k1:{SECRET}").authenticate("deepinfra", credential)


def test_a_url_for_one_provider_is_refused_on_another() -> None:
    """The mac covers the provider."""
    with pytest.raises(UnauthenticatedError):
        authenticator(signing_keys=f"k1:{SECRET}").authenticate("replicate", signed())


@given(position=st.integers(0), change=st.characters(categories=["L", "N"]))
def test_any_changed_character_is_refused(position: int, change: str) -> None:
    """No part of a credential is free to change."""
    credential = signed(model="m", nonce="n")
    at = position % len(credential)
    changed = credential[:at] + change + credential[at + 1 :]
    accepting = authenticator(signing_keys=f"k1:{SECRET}")

    if changed == credential:
        accepting.authenticate("deepinfra", changed)
        return
    with pytest.raises(UnauthenticatedError):
        accepting.authenticate("deepinfra", changed)


def test_a_static_token_is_accepted_whole_only() -> None:
    """Neither a part of it nor nothing opens the door."""
    tokens = authenticator("token", tokens=f"a:{TOKEN},b:{TOKEN}2")

    assert tokens.authenticate("deepinfra", f"{TOKEN}2").labels == {}
    for wrong in (None, "", TOKEN[:-1], TOKEN + " "):
        with pytest.raises(UnauthenticatedError):
            tokens.authenticate("deepinfra", wrong)


def test_any_one_method_suffices() -> None:
    """Tokens beside signed URLs."""
    both = authenticator("signed-url,token", signing_keys=f"k1:{SECRET}", tokens=f"a:{TOKEN}")

    assert both.authenticate("deepinfra", TOKEN)
    assert both.authenticate("deepinfra", signed()).key_id == "k1"


def test_no_authentication_must_be_said_and_is_warned_about() -> None:
    """Anybody may post, and the log says so."""
    with capture_logs() as lines:
        anybody = authenticator("none")

    assert anybody.authenticate("deepinfra", None)
    assert [line["event"] for line in lines] == ["authentication_is_off"]
