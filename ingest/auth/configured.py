"""The methods out of the settings; what lacks its secret, or has a weak one, does not start."""

import base64
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog
from pydantic import SecretStr

from bus.runtime.settings_ingest import networks
from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import IngestSettings
from ingest.auth.anybody import Anybody
from ingest.auth.authenticator import Authenticator
from ingest.auth.base import HeadMethod, Secrets
from ingest.auth.basic import Basic
from ingest.auth.bearer import Bearer
from ingest.auth.signed_url import SignedUrl
from ingest.auth.sources import Sources
from ingest.auth.standard_webhooks import StandardWebhooks
from ingest.auth.token import PathToken
from schemas.callback import MIN_SECRET_BYTES, CallbackError, SigningKey, parse_keys

log = structlog.get_logger()

_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ADVICE = "make one with `openssl rand -hex 32`"


def authenticator_from(settings: IngestSettings) -> Authenticator:
    """Build the methods of `INGEST__AUTH`; a method without its secret is a `SettingsError`."""
    names = settings.auth_methods
    by_body = [_standard_webhooks(settings)] if "standard-webhooks" in names else []
    sources = Sources(networks(settings.allowed_ips), networks(settings.trusted_proxies))
    return Authenticator(list(_by_head(names, settings)), by_body, sources)


def _by_head(names: Sequence[str], settings: IngestSettings) -> Iterator[HeadMethod]:
    if "signed-url" in names:
        yield SignedUrl(_signing_keys(settings))
    if "token" in names:
        yield PathToken(_tokens("token", settings))
    if "bearer" in names:
        yield Bearer(_tokens("bearer", settings))
    if "basic" in names:
        yield Basic(_users(settings))
    if "none" in names:
        log.warning("authentication_is_off", hint="anybody who reaches the port can post")
        yield Anybody()


def _signing_keys(settings: IngestSettings) -> tuple[SigningKey, ...]:
    try:
        keys = parse_keys(_text(settings.signing_keys))
    except CallbackError as error:
        raise SettingsError(f"INFERBUS_INGEST__SIGNING_KEYS: {error}") from error
    if not keys:
        raise SettingsError(
            "INFERBUS_INGEST__SIGNING_KEYS is not set: the method signed-url needs id:secret,"
            " such as k1: and the output of `openssl rand -hex 32`"
        )
    return keys


def static_tokens(settings: IngestSettings) -> Bearer | None:
    """Return who sends one of `INGEST__TOKENS` as bearer, None where there are none."""
    tokens = list(_token_secrets(settings))
    return Bearer(Secrets(tokens)) if tokens else None


def _tokens(method: str, settings: IngestSettings) -> Secrets:
    tokens = list(_token_secrets(settings))
    if not tokens:
        raise SettingsError(
            f"INFERBUS_INGEST__TOKENS is not set: the method {method} needs name:token"
        )
    return Secrets(tokens)


def _token_secrets(settings: IngestSettings) -> Iterator[bytes]:
    for entry in _entries("INFERBUS_INGEST__TOKENS", "name:token", settings.tokens):
        yield entry.strong(entry.secret.encode())


def _users(settings: IngestSettings) -> Secrets:
    setting = "INFERBUS_INGEST__BASIC_USERS"
    entries = list(_entries(setting, "user:password", settings.basic_users))
    if not entries:
        raise SettingsError(f"{setting} is not set: the method basic needs user:password")
    for entry in entries:
        entry.strong(entry.secret.encode())
    return Secrets(f"{entry.name}:{entry.secret}".encode() for entry in entries)


def _standard_webhooks(settings: IngestSettings) -> StandardWebhooks:
    setting = "INFERBUS_INGEST__WEBHOOK_SECRETS"
    secrets: dict[str, tuple[bytes, ...]] = {}
    for entry in _entries(setting, "provider:whsec_…", settings.webhook_secrets):
        several = secrets.get(_provider(entry), ())
        secrets[entry.name] = (*several, entry.strong(_decoded(entry)))
    if not secrets:
        raise SettingsError(
            f"{setting} is not set: the method standard-webhooks needs provider:whsec_…"
        )
    return StandardWebhooks(secrets)


def _provider(entry: "_Entry") -> str:
    if not _PROVIDER.fullmatch(entry.name):
        raise entry.problem("does not begin with a provider's name, such as replicate:")
    return entry.name


def _decoded(entry: "_Entry") -> bytes:
    """Read `whsec_<base64>`; some senders leave out the padding."""
    encoded = entry.secret.removeprefix("whsec_")
    if encoded != entry.secret:
        with contextlib.suppress(ValueError):
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    raise entry.problem("is not whsec_ followed by base64: copy it whole from the provider")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One part of a comma list. Problems name its place: any of its text may be the secret."""

    setting: str
    number: int
    name: str
    secret: str = field(repr=False)

    def problem(self, what: str) -> SettingsError:
        return SettingsError(f"{self.setting}: entry {self.number} {what}")

    def strong(self, secret: bytes) -> bytes:
        if len(secret) < MIN_SECRET_BYTES:
            raise self.problem(f"has a secret shorter than {MIN_SECRET_BYTES} bytes: {_ADVICE}")
        return secret


def _entries(setting: str, form: str, given: SecretStr | None) -> Iterator[_Entry]:
    parts = (part.strip() for part in _text(given).split(","))
    for number, part in enumerate(filter(None, parts), 1):
        name, colon, secret = part.partition(":")
        entry = _Entry(setting, number, name, secret)
        if not colon or not name:
            raise entry.problem(f"is not written {form}")
        yield entry


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
