"""The signing key that `up` makes on its first start, and where commands find one."""

import os
import secrets
from pathlib import Path

from bus.runtime.settings import Settings
from inferbus.errors import WrongUsageError
from inferbus.files import make_private_dir, write_once
from schemas.callback import CallbackError, SigningKey, parse_keys

KEY_FILE = "signing.key"


def active_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """Return the keys of the settings, else the data directory's, else none."""
    text = signing_keys_text(settings)
    return parse_keys(text) if text else ()


def minting_key(settings: Settings) -> SigningKey:
    """Return the key that mints; raises `WrongUsageError` where there is none."""
    keys = active_keys(settings)
    if not keys:
        raise WrongUsageError(
            "there is no signing key: set INFERBUS_INGEST__SIGNING_KEYS=id:secret"
            f" (`openssl rand -hex 32`), or let `inferbus up` make {_path(settings.data_dir)}"
        )
    return keys[0]


def signing_keys_text(settings: Settings) -> str | None:
    """Return `id:secret,…` as the settings give it, else the data directory's, else None."""
    if settings.ingest.signing_keys is not None:
        return settings.ingest.signing_keys.get_secret_value()
    try:
        return _read_keys(_path(settings.data_dir))
    except FileNotFoundError:
        return None


def ensure_signing_key(data_dir: Path) -> str:
    """Return the data directory's `id:secret`, made on the first call, readable by us alone."""
    make_private_dir(data_dir)
    fresh = f"k{secrets.token_hex(3)}:{secrets.token_hex(32)}"
    write_once(_path(data_dir), f"{fresh}\n".encode())
    return _read_keys(_path(data_dir))


def _read_keys(path: Path) -> str:
    """Return the file's text. Raises `WrongUsageError` where it holds no usable key."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        keys = parse_keys(text)
    except (CallbackError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    if not keys:
        raise _unusable(path, "it is empty")
    return text


def _unusable(path: Path, problem: str) -> WrongUsageError:
    return WrongUsageError(
        f"{path}: {problem}: restore it from a backup, or remove it for a new key, by which no"
        " URL minted so far is valid"
    )


def _path(data_dir: Path) -> Path:
    return data_dir / KEY_FILE


def is_private(path: Path) -> bool:
    """Tell whether only the owner can read the file."""
    return not os.stat(path).st_mode & 0o077  # noqa: PTH116 - one call, follows links alike
