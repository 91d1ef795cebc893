"""`inferbus config`: what the settings are, where they come from, whether they fit together."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from bus.runtime.settings import Settings, dotenv_names, read_secret_files, setting_names
from bus.runtime.settings_names import ENV_PREFIX
from inferbus.context import command_settings, service_settings
from inferbus.keys import KEY_FILE, is_private, signing_keys_text
from inferbus.masked import mask_secret_url, masked
from inferbus.output import complain, emit, say

_ONE_DEFAULT = {
    "INFERBUS_STORAGE__URL": lambda settings: mask_secret_url(settings.database_url),
    "INFERBUS_BLOBS__URL": lambda settings: mask_secret_url(settings.blobs_url),
}


def run(
    action: Literal["show", "check"], *, json: bool = False, data_dir: Path | None = None
) -> int:
    """Show every setting, or return 1 with a line for each that cannot work."""
    if action == "check":
        return _check(command_settings(data_dir), json=json)
    emit(_rows(data_dir), json, ("name", "value", "source"))
    return 0


def _rows(data_dir: Path | None) -> Iterator[dict[str, Any]]:
    by_sources = service_settings(data_dir)
    settings = command_settings(data_dir)
    names = {name: source for source, held in _sources().items() for name in held}
    for name in setting_names():
        source = names.get(name, "default")
        if name == "INFERBUS_DATA_DIR" and data_dir is not None:
            source = "option"
        if _value(settings, name) != _value(by_sources, name):
            source = "up.json"
        yield {"name": name, "value": _shown(settings, name), "source": source}


def _sources() -> dict[str, set[str]]:
    """Return the names each source holds, the weakest source first."""
    return {
        "secret file": set(read_secret_files()),
        ".env": {name.upper() for name in dotenv_names()},
        "environment": {name.upper() for name in os.environ},
    }


def _value(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.removeprefix(ENV_PREFIX).lower().split("__"):
        value = getattr(value, part)
    return value


def _shown(settings: Settings, name: str) -> object:
    value = _value(settings, name)
    if value is None and name in _ONE_DEFAULT:
        return _ONE_DEFAULT[name](settings)
    return masked(name, value)


def _check(settings: Settings, *, json: bool) -> int:
    from ingest.limits import limit_problems

    refuse_unusable(settings)
    problems = [
        *_key_problems(settings),
        *limit_problems(settings.ingest),
        *_dir_problems(settings),
    ]
    if json:
        emit([{"problem": problem} for problem in problems], json, ("problem",))
        return 1 if problems else 0
    for problem in problems:
        complain(problem)
    for note in _notes(settings):
        say(note)
    if not problems:
        say("the settings can be used")
    return 1 if problems else 0


def refuse_unusable(settings: Settings) -> None:
    """Raise `SettingsError` for what a service would refuse to start with."""
    from bus.blobs import open_blobs
    from consumers.alerting.notifiers.configured import webhook_notifier
    from consumers.engines import parse_url
    from ingest.auth import authenticator_from
    from ingest.auth.configured import static_tokens

    parse_url(settings.database_url)
    open_blobs(settings.blobs_url)
    webhook_notifier(settings.alerting)
    static_tokens(settings.ingest)
    keys = signing_keys_text(settings)
    if keys or "signed-url" not in settings.ingest.auth_methods:
        key = SecretStr(keys) if keys else None
        authenticator_from(settings.ingest.model_copy(update={"signing_keys": key}))


def _key_problems(settings: Settings) -> Iterator[str]:
    key_file = settings.data_dir / KEY_FILE
    if key_file.exists() and not is_private(key_file):
        yield f"{key_file} can be read by others: chmod 600 {key_file}"


def _dir_problems(settings: Settings) -> Iterator[str]:
    folder = settings.data_dir
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield f"{folder} is no directory we can write to: choose another with INFERBUS_DATA_DIR"


def _notes(settings: Settings) -> Iterator[str]:
    secrets = os.environ.get("INFERBUS_SECRETS_DIR")
    if secrets and not Path(secrets).is_dir():
        yield f"INFERBUS_SECRETS_DIR: there is no directory {secrets}, so no secret is read from it"
    if settings.ingest.auth_methods == ("none",):
        yield "INFERBUS_INGEST__AUTH=none: anyone who reaches the endpoint can post"
    if "signed-url" in settings.ingest.auth_methods and not signing_keys_text(settings):
        yield (
            "INFERBUS_INGEST__SIGNING_KEYS is not set: `inferbus up` makes a key of its own,"
            " `inferbus ingest` refuses to start without one"
        )
