"""The signing key that `up` makes."""

from pathlib import Path

import pytest

from bus.runtime.settings import load_settings
from inferbus.errors import WrongUsageError
from inferbus.keys import active_keys, ensure_signing_key, minting_key
from schemas.callback import parse_keys

KEY = "k1:0123456789abcdef0123456789abcdef"


def test_the_first_call_makes_a_key_that_later_ones_return(tmp_path: Path) -> None:
    """URLs given out before a restart stay valid after it."""
    first = ensure_signing_key(tmp_path / "data")

    assert ensure_signing_key(tmp_path / "data") == first
    assert len(parse_keys(first)) == 1


def test_the_key_and_its_directory_are_ours_alone(tmp_path: Path) -> None:
    ensure_signing_key(tmp_path / "data")

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "signing.key").stat().st_mode & 0o777 == 0o600


def test_making_a_key_leaves_nothing_else_behind(tmp_path: Path) -> None:
    ensure_signing_key(tmp_path / "data")

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["signing.key"]


def test_two_directories_have_two_keys(tmp_path: Path) -> None:
    assert ensure_signing_key(tmp_path / "a") != ensure_signing_key(tmp_path / "b")


def test_the_settings_keys_beat_the_directory_s(tmp_path: Path) -> None:
    ensure_signing_key(tmp_path)

    settings = load_settings(data_dir=tmp_path, ingest={"signing_keys": KEY})

    assert [key.id for key in active_keys(settings)] == ["k1"]


def test_without_any_key_the_person_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(WrongUsageError, match="INFERBUS_INGEST__SIGNING_KEYS"):
        minting_key(load_settings(data_dir=tmp_path))
