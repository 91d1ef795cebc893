"""Fail closed: what is not said whole does not start, in one line that names the setting."""

import base64
from typing import Any

import pytest

from bus.runtime.settings import load_settings
from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import IngestSettings
from ingest.auth import authenticator_from, static_tokens

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = "token-token-token-token"
WHSEC = f"whsec_{base64.b64encode(b'w' * 24).decode()}"
SHORT_WHSEC = f"whsec_{base64.b64encode(b'w' * 15).decode()}"
FIFTEEN = "123456789012345"


def start(auth: str, **settings: Any) -> None:
    authenticator_from(IngestSettings.model_validate({"auth": auth, **settings}))


@pytest.mark.parametrize(
    ("auth", "secrets", "words"),
    [
        ("signed-url", {}, "SIGNING_KEYS is not set"),
        ("signed-url", {"signing_keys": " , "}, "SIGNING_KEYS is not set"),
        ("signed-url", {"signing_keys": "k1:short"}, "shorter than 16 bytes"),
        ("signed-url", {"signing_keys": f"k1:{FIFTEEN}"}, "shorter than 16 bytes"),
        ("signed-url", {"signing_keys": f"k1:{SECRET},k1:{SECRET}"}, "same id"),
        ("token", {}, "TOKENS is not set"),
        ("token", {"tokens": " , "}, "TOKENS is not set"),
        ("token", {"tokens": f"a:{FIFTEEN}"}, "TOKENS: entry 1 has a secret shorter than 16"),
        ("token", {"tokens": f"a:{TOKEN},b:"}, "TOKENS: entry 2 has a secret shorter than 16"),
        ("token", {"tokens": TOKEN}, "entry 1 is not written name:token"),
        ("token", {"tokens": f":{TOKEN}"}, "entry 1 is not written name:token"),
        ("bearer", {}, "TOKENS is not set: the method bearer"),
        ("bearer", {"tokens": f"a:{FIFTEEN}"}, "shorter than 16 bytes"),
        ("basic", {}, "BASIC_USERS is not set"),
        ("basic", {"basic_users": f"user:{FIFTEEN}"}, "BASIC_USERS: entry 1 has a secret shorter"),
        ("basic", {"basic_users": TOKEN}, "entry 1 is not written user:password"),
        ("basic", {"basic_users": f"user:{TOKEN},other:"}, "entry 2 has a secret shorter"),
        ("standard-webhooks", {}, "WEBHOOK_SECRETS is not set"),
        ("standard-webhooks", {"webhook_secrets": WHSEC}, "entry 1 is not written provider:whsec"),
        ("standard-webhooks", {"webhook_secrets": f"{WHSEC}:replicate"}, "not whsec_ followed"),
        ("standard-webhooks", {"webhook_secrets": f"Replicate:{WHSEC}"}, "provider's name"),
        ("standard-webhooks", {"webhook_secrets": "replicate:whsec_"}, "shorter than 16 bytes"),
        ("standard-webhooks", {"webhook_secrets": f"replicate:{SHORT_WHSEC}"}, "shorter than 16"),
        ("standard-webhooks", {"webhook_secrets": f"replicate:{SECRET}"}, "not whsec_ followed"),
        ("standard-webhooks", {"webhook_secrets": "replicate:whsec_a?b"}, "not whsec_ followed"),
        ("standard-webhooks", {"webhook_secrets": "replicate:whsec_é"}, "not whsec_ followed"),
        ("standard-webhooks", {"webhook_secrets": "replicate:whsec_AAAAA"}, "not whsec_ followed"),
        ("signed-url,token", {"signing_keys": f"k1:{SECRET}"}, "TOKENS is not set"),
    ],
)
def test_a_method_without_its_secret_does_not_start(
    auth: str, secrets: dict[str, str], words: str
) -> None:
    """Also beside a method that could: the operator counts on both."""
    with pytest.raises(SettingsError, match=words) as error:
        start(auth, **secrets)

    message = str(error.value)
    assert message.startswith("INFERBUS_INGEST__")
    assert "\n" not in message
    assert not [s for s in (SECRET, TOKEN, WHSEC, SHORT_WHSEC, FIFTEEN) if s in message]


@pytest.mark.parametrize(
    ("ingest", "words"),
    [
        ({"auth": "password"}, "INGEST__AUTH: unknown method 'password'"),
        ({"auth": "signed-url,signedurl"}, "unknown method 'signedurl'"),
        ({"auth": " , "}, "INGEST__AUTH: name at least one method"),
        ({"auth": "none,token"}, "INGEST__AUTH: `none` must be said alone"),
        ({"allowed_ips": "10.0.0.0/8,elsewhere"}, "INGEST__ALLOWED_IPS: 'elsewhere'"),
        ({"allowed_ips": "10.0.0.1/8"}, "INGEST__ALLOWED_IPS: 10.0.0.1/8 has host bits set"),
        ({"allowed_ips": " , "}, "INGEST__ALLOWED_IPS: names no address"),
        ({"trusted_proxies": "10.0.0.300"}, "INGEST__TRUSTED_PROXIES: '10.0.0.300'"),
        ({"trusted_proxies": "0.0.0.0/0"}, "INGEST__TRUSTED_PROXIES: trusting every address"),
        ({"trusted_proxies": "10.0.0.1,::/0"}, "INGEST__TRUSTED_PROXIES: trusting every address"),
    ],
)
def test_what_means_nothing_is_refused_by_the_settings(ingest: Any, words: str) -> None:
    """A list that was mistyped must not become no list."""
    with pytest.raises(SettingsError, match=words):
        load_settings(ingest=ingest)


def test_no_name_or_place_is_needed_to_say_which_tokens_read_blobs() -> None:
    """The same tokens open the blobs; without any there is nobody to open them to."""
    assert static_tokens(IngestSettings()) is None
    assert static_tokens(IngestSettings.model_validate({"tokens": f"a:{TOKEN}"})) is not None


def test_a_comma_list_may_be_written_with_spaces() -> None:
    """As people write lists."""
    start(
        " signed-url , basic,standard-webhooks ",
        signing_keys=f"k1:{SECRET}",
        basic_users=f" a:{TOKEN} , b:{TOKEN}:with:colons ",
        webhook_secrets=f"replicate:{WHSEC}, replicate:{WHSEC.rstrip('=')}",
        allowed_ips=" 192.0.2.1 , 2001:db8::/32 ",
    )
