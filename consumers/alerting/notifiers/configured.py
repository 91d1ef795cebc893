"""The notifiers that the settings ask for."""

from urllib.parse import urlsplit

from bus.protocols import Publisher
from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import AlertingSettings
from consumers.alerting.notifiers.base import Notifier
from consumers.alerting.notifiers.log import LogNotifier
from consumers.alerting.notifiers.signing import parse_secret
from consumers.alerting.notifiers.topic import TopicNotifier
from consumers.alerting.notifiers.webhook import WebhookNotifier
from schemas.topics import TopicNames


def configured_notifiers(
    settings: AlertingSettings, publisher: Publisher, topics: TopicNames
) -> list[Notifier]:
    """Return the log, the topic of alerts, and a webhook where its URL is set."""
    notifiers: list[Notifier] = [LogNotifier(), TopicNotifier(publisher, topics)]
    webhook = webhook_notifier(settings)
    return notifiers if webhook is None else [*notifiers, webhook]


def webhook_notifier(settings: AlertingSettings) -> WebhookNotifier | None:
    """Return the webhook's notifier, None where no URL is set; raises `SettingsError`."""
    if settings.webhook_url is None:
        return None
    url = settings.webhook_url.get_secret_value()
    if not _is_http(url):
        raise SettingsError("INFERBUS_ALERTING__WEBHOOK_URL: must start with http:// or https://")
    return WebhookNotifier(url, _key(settings))


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _key(settings: AlertingSettings) -> bytes | None:
    if settings.webhook_secret is None:
        return None
    try:
        return parse_secret(settings.webhook_secret.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"INFERBUS_ALERTING__WEBHOOK_SECRET: {error}") from error
