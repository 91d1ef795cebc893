"""`inferbus config`."""

from pathlib import Path
from typing import Any

import pytest

from bus.runtime.settings import setting_names


def shown(cli: Any, *args: str) -> dict[str, tuple[Any, str]]:
    ran = cli("config", "show", "--json", *args)
    assert ran.status == 0
    return {row["name"]: (row["value"], row["source"]) for row in ran.rows}


def test_every_setting_is_shown_once(cli: Any) -> None:
    assert tuple(shown(cli)) == setting_names()


def test_each_value_names_its_source(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wonders why a value is in force sees where it came from."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "INFERBUS_KAFKA__GROUP_PREFIX").write_text("mine\n")
    (tmp_path / ".env").write_text("INFERBUS_INGEST__PORT=9\n")
    monkeypatch.setenv("INFERBUS_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("INFERBUS_INGEST__HOST", "0.0.0.0")

    settings = shown(cli, "--data-dir", "here")

    assert settings["INFERBUS_KAFKA__GROUP_PREFIX"] == ("mine", "secret file")
    assert settings["INFERBUS_INGEST__PORT"] == (9, ".env")
    assert settings["INFERBUS_INGEST__HOST"] == ("0.0.0.0", "environment")
    assert settings["INFERBUS_DATA_DIR"] == ("here", "option")
    assert settings["INFERBUS_TOPICS__PREFIX"] == ("inference", "default")


def test_no_secret_is_shown(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERBUS_INGEST__SIGNING_KEYS", "k1:hushhushhushhush")
    monkeypatch.setenv("INFERBUS_INGEST__TOKENS", "me:hushhushhushhush")
    monkeypatch.setenv("INFERBUS_KAFKA__SASL_PASSWORD", "hush")
    monkeypatch.setenv("INFERBUS_STORAGE__URL", "postgresql+psycopg://me:hush@db/x")
    monkeypatch.setenv("INFERBUS_ALERTING__WEBHOOK_URL", "https://h/hush")
    monkeypatch.setenv("INFERBUS_ALERTING__WEBHOOK_SECRET", "hush")

    for args in (("config", "show"), ("config", "show", "--json"), ("config", "check")):
        ran = cli(*args)
        assert "hush" not in ran.out + ran.err


def test_the_defaults_can_be_used(cli: Any) -> None:
    """`up` runs without any setting; what a lone ingest would miss is a note."""
    ran = cli("config", "check")

    assert ran.status == 0
    assert "INFERBUS_INGEST__SIGNING_KEYS" in ran.err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("INFERBUS_INGEST__MAX_BODY_BYTES", "2048", "INLINE_LIMIT_BYTES"),
        ("INFERBUS_INGEST__MAX_INFLIGHT_BYTES", "2048", "MAX_BODY_BYTES"),
    ],
)
def test_settings_that_do_not_fit_together_exit_1(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    ran = cli("config", "check", "--json")

    assert ran.status == 1
    assert said in ran.rows[0]["problem"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INFERBUS_INGEST__PORT", "many"),
        ("INFERBUS_INGEST__AUTH", "none,token"),
        ("INFERBUS_INGEST__AUTH", "token"),
        ("INFERBUS_STORAGE__URL", "mysql://h/x"),
        ("INFERBUS_STORAGE__URL", "sqlite://x.db"),
        ("INFERBUS_INGEST__PUBLIC_URL", "hooks.example.com"),
        ("INFERBUS_INGEST__PUBLIC_URL", "http://[x"),
        ("INFERBUS_INGEST__TOKENS", "abc"),
        ("INFERBUS_DATA_DIR", "no-text-\udcff"),
        ("INFERBUS_BLOBS__URL", "ftp://h/x"),
        ("INFERBUS_ALERTING__WEBHOOK_URL", "h/x"),
        ("INFERBUS_INGEST__SIGNING_KEYS", "k1:short"),
    ],
)
def test_a_value_that_cannot_be_used_exits_2(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    ran = cli("config", "check")

    assert ran.status == 2
    assert ran.err.count("\n") == 1


def test_a_key_that_others_can_read_is_a_problem(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "signing.key").write_text("k1:0123456789abcdef")
    (tmp_path / "signing.key").chmod(0o644)

    ran = cli("config", "check", "--data-dir", str(tmp_path))

    assert ran.status == 1
    assert "chmod 600" in ran.err


@pytest.mark.parametrize("text", ["", "garbage", "k1:short"])
def test_a_key_file_that_holds_no_key_is_named(cli: Any, tmp_path: Path, text: str) -> None:
    """It is the file that is to be mended, no setting."""
    (tmp_path / "signing.key").write_text(text)
    (tmp_path / "signing.key").chmod(0o600)

    for args in (("config", "check"), ("url", "mint", "--provider", "deepinfra")):
        ran = cli(*args, "--data-dir", str(tmp_path))
        assert ran.status == 2
        assert f"{tmp_path}/signing.key: " in ran.err
        assert "restore it from a backup" in ran.err


def test_a_secrets_directory_that_is_not_there_is_noted(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped one would leave its secrets out without a word; yet it may come later."""
    monkeypatch.setenv("INFERBUS_SECRETS_DIR", "/nowhere")

    ran = cli("config", "check")

    assert ran.status == 0
    assert "there is no directory /nowhere" in ran.err


@pytest.mark.parametrize("name", [".env", "secrets/INFERBUS_INGEST__TOKENS"])
def test_a_file_in_another_encoding_is_named(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Some shells write UTF-16 where their output is sent to a file."""
    monkeypatch.setenv("INFERBUS_SECRETS_DIR", str(tmp_path / "secrets"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / name).write_text("INFERBUS_INGEST__PORT=9000\n", encoding="utf-16")

    ran = cli("config", "check")

    assert ran.status == 2
    assert f"{name} is not written in UTF-8" in ran.err


def test_a_byte_order_mark_changes_nothing(cli: Any, tmp_path: Path) -> None:
    """A name behind one is known, and refused where it is mistyped."""
    (tmp_path / ".env").write_text("INFERBUS_INGEST__PORT=9000\n", encoding="utf-8-sig")
    assert shown(cli)["INFERBUS_INGEST__PORT"] == (9000, ".env")

    (tmp_path / ".env").write_text("INFERBUS_INGEST__PRT=9000\n", encoding="utf-8-sig")
    assert cli("config", "check").status == 2
