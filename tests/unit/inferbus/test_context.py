"""How a command in another terminal finds the running `up`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from inferbus.context import command_settings, is_up, read_up, service_settings
from inferbus.errors import ProblemError
from inferbus.up_state import UpFile, UpLock

CONTENT = {
    "webhook_base_url": "http://127.0.0.1:1",
    "admin_url": "http://127.0.0.1:2",
    "bootstrap_servers": "127.0.0.1:3",
    "database_url": "sqlite:////elsewhere/x.db",
    "blobs_url": "file:///elsewhere/blobs",
    "topic_prefix": "other",
    "group_prefix": "mine",
    "pids": {"up": 1, "broker": 2},
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    (path / "up.json").write_text(json.dumps(CONTENT))
    return path


def test_a_running_up_supplies_what_nothing_sets(data_dir: Path) -> None:
    with UpLock(data_dir):
        settings = command_settings(data_dir)

    assert settings.kafka.bootstrap_servers == "127.0.0.1:3"
    assert settings.kafka.group_prefix == "mine"
    assert settings.topics.prefix == "other"
    assert settings.database_url == "sqlite:////elsewhere/x.db"
    assert settings.blobs_url == "file:///elsewhere/blobs"


def test_the_environment_beats_up_json(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERBUS_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("INFERBUS_STORAGE__URL", "sqlite:///mine.db")

    with UpLock(data_dir):
        settings = command_settings(data_dir)

    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.database_url == "sqlite:///mine.db"
    assert settings.kafka.group_prefix == "mine"


def test_an_option_beats_both(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERBUS_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")

    with UpLock(data_dir):
        settings = command_settings(data_dir, kafka={"bootstrap_servers": "option:9092"})

    assert settings.kafka.bootstrap_servers == "option:9092"


def test_after_a_killed_up_its_stores_count_and_its_broker_does_not(data_dir: Path) -> None:
    """What was stored can be asked for; the embedded broker is gone."""
    settings = command_settings(data_dir)

    assert settings.database_url == "sqlite:////elsewhere/x.db"
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert "admin_url" not in read_up(data_dir)


def test_a_real_kafka_outlives_a_killed_up(data_dir: Path) -> None:
    content = CONTENT | {"pids": {"up": 1, "broker": None}}
    (data_dir / "up.json").write_text(json.dumps(content))

    assert command_settings(data_dir).kafka.bootstrap_servers == "127.0.0.1:3"


def test_a_service_does_not_look_at_up_json(data_dir: Path) -> None:
    """Services are configured by their environment alone."""
    with UpLock(data_dir):
        assert service_settings(data_dir).kafka.bootstrap_servers == "127.0.0.1:9092"


@pytest.mark.parametrize("content", ["", "nonsense", "[1]", '"text"'])
def test_a_damaged_file_counts_as_none(data_dir: Path, content: str) -> None:
    (data_dir / "up.json").write_text(content)

    assert read_up(data_dir) == {}


def test_the_environment_names_the_directory(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERBUS_DATA_DIR", str(data_dir))

    with UpLock(data_dir):
        assert command_settings().kafka.group_prefix == "mine"


def test_the_lock_tells_whether_an_up_runs(data_dir: Path) -> None:
    assert not is_up(data_dir)
    with UpLock(data_dir):
        assert is_up(data_dir)
    assert not is_up(data_dir)


def test_a_second_up_on_a_directory_is_refused(data_dir: Path) -> None:
    second = UpLock(data_dir, patience_s=0.0)

    with UpLock(data_dir), pytest.raises(ProblemError, match="--data-dir"), second:
        pass


async def test_the_file_is_private_while_up_runs_and_gone_after(tmp_path: Path) -> None:
    """It holds a URL that anyone could post to."""
    told: list[Any] = []
    part = UpFile(tmp_path, lambda: CONTENT, told.append)

    await part.start()
    mode = (tmp_path / "up.json").stat().st_mode & 0o777
    written = json.loads((tmp_path / "up.json").read_text())
    await part.stop()

    assert (mode, written, told) == (0o600, CONTENT, [CONTENT])
    assert not set(os.scandir(tmp_path))
