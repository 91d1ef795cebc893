"""Kafka settings that do not fit together are refused by name, before anything connects."""

from pathlib import Path

import pytest

from bus.runtime.settings import load_settings
from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import KafkaSettings

LOGIN = {"sasl_username": "u", "sasl_password": "p"}
GRANT = {"oauth_token_url": "https://idp/token", "oauth_client_id": "c"}
SASL = {"security_protocol": "SASL_SSL"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"bootstrap_servers": "[::1]:9092, kafka.example:9093"},
        {"security_protocol": "SSL"},
        {**SASL, **LOGIN, "sasl_mechanism": "SCRAM-SHA-512"},
        {**SASL, **GRANT, "sasl_mechanism": "OAUTHBEARER", "oauth_client_secret": "s"},
    ],
)
def test_what_fits_together_is_taken(given: dict[str, str]) -> None:
    """The rules refuse no working set."""
    assert KafkaSettings(**given)  # type: ignore[arg-type] # values as the environment gives them


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"bootstrap_servers": "kafka"}, "BOOTSTRAP_SERVERS: 'kafka' is no address"),
        ({"bootstrap_servers": "a:1,kafka://b:2"}, "BOOTSTRAP_SERVERS: 'kafka://b:2' is no"),
        ({"bootstrap_servers": "a:99999"}, "BOOTSTRAP_SERVERS: 'a:99999' is no address"),
        (SASL, "SASL_MECHANISM: SASL_SSL needs it"),
        ({**LOGIN, "sasl_mechanism": "PLAIN"}, "SASL_MECHANISM: PLAINTEXT makes no login"),
        ({**SASL, "sasl_mechanism": "PLAIN"}, "SASL_USERNAME: PLAIN needs it"),
        (
            {**SASL, **LOGIN, "sasl_mechanism": "PLAIN", "sasl_password": ""},
            "SASL_PASSWORD: PLAIN needs it",
        ),
        ({**SASL, "sasl_mechanism": "OAUTHBEARER"}, "OAUTH_TOKEN_URL: OAUTHBEARER needs it"),
        (
            {**SASL, **GRANT, "sasl_mechanism": "OAUTHBEARER"},
            "OAUTH_CLIENT_SECRET: INFERBUS_KAFKA__OAUTH_TOKEN_URL needs it",
        ),
        (
            {**SASL, "sasl_mechanism": "OAUTHBEARER", "oauth_token_url": "idp/token"},
            "OAUTH_TOKEN_URL: write the token endpoint's https:// URL",
        ),
        ({"ssl_cafile": "/nowhere/ca.pem"}, "SSL_CAFILE: there is no file /nowhere/ca.pem"),
        ({"oauth_token_file": "/nowhere/t"}, "OAUTH_TOKEN_FILE: there is no file /nowhere/t"),
    ],
)
def test_what_cannot_work_is_refused_by_the_settings_name(
    given: dict[str, str], complaint: str
) -> None:
    """One line, which names the setting to change."""
    with pytest.raises(SettingsError) as refusal:
        load_settings(kafka=given)

    assert str(refusal.value).startswith(f"INFERBUS_KAFKA__{complaint}")


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    """The broker would see no certificate at all."""
    key = tmp_path / "client.key"
    key.touch()

    with pytest.raises(SettingsError, match="SSL_CERTFILE: INFERBUS_KAFKA__SSL_KEYFILE needs it"):
        load_settings(kafka={"ssl_keyfile": key})


def test_tokens_have_one_source(tmp_path: Path) -> None:
    """A file and a URL could disagree."""
    token = tmp_path / "token"
    token.touch()
    given = {**SASL, **GRANT, "sasl_mechanism": "OAUTHBEARER", "oauth_token_file": token}

    with pytest.raises(SettingsError, match="OAUTH_TOKEN_URL: unset it or"):
        load_settings(kafka=given)


def test_a_refusal_never_quotes_a_secret() -> None:
    """Not even the one that is refused for its neighbour's sake."""
    given = {**LOGIN, "sasl_password": "hunter2", "sasl_mechanism": "PLAIN"}

    with pytest.raises(SettingsError) as refusal:
        load_settings(kafka=given)

    assert "hunter2" not in f"{refusal.value} {refusal.value.__cause__}"
