"""Which notifiers the settings ask for, and what they refuse."""

import base64
import hashlib
import hmac

import pytest

from bus.memory.bus import MemoryBus
from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import AlertingSettings
from consumers.alerting.notifiers.configured import configured_notifiers
from consumers.alerting.notifiers.signing import parse_secret, signed_headers
from tests.support.alerting import TOPICS

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def _names(settings: AlertingSettings) -> list[str]:
    publisher = MemoryBus().publisher("alerting")
    return [each.name for each in configured_notifiers(settings, publisher, TOPICS)]


def test_log_and_topic_are_always_told() -> None:
    """Nothing needs to be set to see an alert."""
    assert _names(AlertingSettings()) == ["log", "topic"]


def test_a_url_adds_the_webhook() -> None:
    """With or without a secret."""
    settings = AlertingSettings(webhook_url="https://example.org/hook")  # type: ignore[arg-type] # pydantic makes the SecretStr

    assert _names(settings) == ["log", "topic", "webhook"]


@pytest.mark.parametrize(
    "url", ["", "example.org/hook", "ftp://example.org", "http://", "http://["]
)
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    """At the start, in one line that names the setting."""
    with pytest.raises(SettingsError, match="INFERBUS_ALERTING__WEBHOOK_URL"):
        _names(AlertingSettings(webhook_url=url))  # type: ignore[arg-type] # pydantic makes the SecretStr


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "é"])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    """Signing with it would promise what it cannot keep; the secret is not repeated."""
    settings = AlertingSettings(webhook_url="https://example.org", webhook_secret=secret)  # type: ignore[arg-type] # pydantic makes the SecretStr

    with pytest.raises(SettingsError, match="INFERBUS_ALERTING__WEBHOOK_SECRET") as error:
        _names(settings)

    assert "c2hvcnQ" not in str(error.value)


def test_the_signature_is_that_of_the_specification() -> None:
    """HMAC-SHA256 over `id.timestamp.body` with the decoded secret, as base64 after `v1,`."""
    headers = signed_headers(parse_secret(SECRET), "msg_1", 1_614_265_330, b'{"test": 2432232314}')

    digest = hmac.digest(bytes(range(32)), b'msg_1.1614265330.{"test": 2432232314}', hashlib.sha256)
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def test_the_specification_s_own_example_verifies() -> None:
    """The published example of the Standard Webhooks libraries gives their signature."""
    key = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed_headers(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
