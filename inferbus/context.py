"""
Which settings a command works with, and how it finds a running `inferbus up`.

Strongest first: an option of the command, the environment (with `.env` and secret files),
the data directory's `up.json`, the defaults.
"""

from pathlib import Path
from typing import Any

import orjson

from bus.runtime.files import is_locked
from bus.runtime.logs import configure_logs
from bus.runtime.settings import Settings, load_settings

UP_FILE = "up.json"
LOCK_FILE = "up.lock"

# up.json's member -> where it belongs among the settings
_FROM_UP = {
    "bootstrap_servers": ("kafka", "bootstrap_servers"),
    "group_prefix": ("kafka", "group_prefix"),
    "topic_prefix": ("topics", "prefix"),
    "database_url": ("storage", "url"),
    "blobs_url": ("blobs", "url"),
}


def command_settings(data_dir: Path | None = None, **overrides: Any) -> Settings:
    """
    Return the settings of a command run beside `up`; `overrides` are its options, nested.

    What no option and no source sets is taken from `up.json`, also after `up` was killed,
    except for the address of an embedded broker, which ended with it.
    """
    settings = service_settings(data_dir, **overrides)
    known = read_up(settings.data_dir)
    for member, (section, name) in _FROM_UP.items():
        is_set = name in getattr(settings, section).model_fields_set
        if member in known and not is_set:
            overrides.setdefault(section, {})[name] = known[member]
    settings = service_settings(data_dir, **overrides)
    _configure_logs(settings)
    return settings


def _configure_logs(settings: Settings) -> None:
    # A command says what it has to say itself, its parts only what goes wrong; and never on
    # stdout, where structlog writes unless told otherwise.
    is_asked = "level" in settings.log.model_fields_set
    configure_logs(settings.log.level if is_asked else "warning", settings.log.format)


def service_settings(data_dir: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings of a service: options and sources alone, never `up.json`."""
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    return load_settings(**overrides)


def read_up(data_dir: Path) -> dict[str, Any]:
    """Return `up.json`'s content, empty where there is none."""
    try:
        known = orjson.loads((data_dir / UP_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(known, dict):
        return {}
    if not is_up(data_dir):
        known = {name: known[name] for name in _lasting(known)}
    return known


def _lasting(known: dict[str, Any]) -> set[str]:
    """Name what outlives a killed `up`: its stores, and a broker that was not its child."""
    gone = {"webhook_base_url", "webhook_url", "admin_url", "pids"}
    if (known.get("pids") or {}).get("broker"):
        gone.add("bootstrap_servers")
    return known.keys() - gone


def is_up(data_dir: Path) -> bool:
    """Tell whether an `up` holds the data directory's lock."""
    try:
        return is_locked(data_dir / LOCK_FILE)
    except OSError:
        return False
