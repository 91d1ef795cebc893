"""`inferbus url`."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from inferbus import callback
from inferbus.up_state import UpLock

KEY = "k1:0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def key_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERBUS_INGEST__SIGNING_KEYS", KEY)


def test_a_minted_url_carries_what_was_asked_for(cli: Any) -> None:
    ran = cli(
        *("url", "mint", "--provider", "deepinfra", "--model", "a/b", "--job", "7"),
        *("--label", "team=x", "--label", "note=a=b", "--base-url", "https://hooks.example.com/"),
    )

    provider, said = callback.inspect(ran.out.strip())
    assert ran.status == 0
    assert ran.out.startswith("https://hooks.example.com/webhooks/deepinfra/k1.")
    assert (provider, said.model, said.job) == ("deepinfra", "a/b", "7")
    assert said.labels == {"team": "x", "note": "a=b"}


def test_never_means_never(cli: Any) -> None:
    ran = cli("url", "mint", "--provider", "deepinfra", "--expires-in", "never", "--json")

    assert ran.rows[0]["expires_at"] is None
    assert ran.rows[0]["expires"] == "never"


@pytest.mark.parametrize(
    "args",
    [
        ["--expires-in", "soon"],
        ["--label", "no-sign"],
        ["--base-url", "hooks.example.com"],
        ["--provider", "Deep Infra"],
    ],
)
def test_what_cannot_be_minted_exits_2(cli: Any, args: list[str]) -> None:
    ran = cli("url", "mint", "--provider", "deepinfra", *args)

    assert ran.status == 2
    assert ran.err.count("\n") == 1


def test_the_base_is_the_running_up_s_unless_said(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "up.json").write_text(json.dumps({"webhook_base_url": "http://127.0.0.1:4711"}))
    args = ("url", "mint", "--provider", "deepinfra", "--data-dir", str(tmp_path))

    with UpLock(tmp_path):
        from_up = cli(*args).out
        monkeypatch.setenv("INFERBUS_INGEST__PUBLIC_URL", "https://set.example.com")
        from_setting = cli(*args).out
    monkeypatch.delenv("INFERBUS_INGEST__PUBLIC_URL")

    assert from_up.startswith("http://127.0.0.1:4711/")
    assert from_setting.startswith("https://set.example.com/")
    assert cli(*args).out.startswith("http://127.0.0.1:8080/")


def test_the_key_that_up_made_is_used(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INFERBUS_INGEST__SIGNING_KEYS")
    (tmp_path / "signing.key").write_text(f"own:{'s' * 32}\n")

    ran = cli("url", "mint", "--provider", "deepinfra", "--data-dir", str(tmp_path))

    assert "/deepinfra/own." in ran.out


def test_without_a_key_minting_exits_2(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFERBUS_INGEST__SIGNING_KEYS")

    ran = cli("url", "mint", "--provider", "deepinfra")

    assert ran.status == 2
    assert "INFERBUS_INGEST__SIGNING_KEYS" in ran.err


def test_a_url_of_ours_is_said_to_be_valid(cli: Any) -> None:
    url = callback.url("http://h", "deepinfra", key=KEY, model="a/b", labels={"k": "v"})

    ran = cli("url", "inspect", url, "--json")

    assert ran.status == 0
    assert ran.rows[0]["signature"] == "valid"
    assert ran.rows[0]["model"] == "a/b"
    assert ran.rows[0]["labels"] == {"k": "v"}
    assert ran.rows[0]["has_expired"] is False


def test_a_forged_url_exits_1(cli: Any) -> None:
    url = callback.url("http://h", "deepinfra", key=f"k1:{'x' * 32}")

    ran = cli("url", "inspect", url)

    assert ran.status == 1
    assert "invalid" in ran.out


def test_without_a_key_the_signature_is_not_judged(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INFERBUS_INGEST__SIGNING_KEYS")

    ran = cli("url", "inspect", callback.url("http://h", "deepinfra", key=KEY), "--json")

    assert ran.status == 0
    assert ran.rows[0]["signature"] == "unchecked"


def test_a_url_that_has_ended_says_how_long_ago(cli: Any) -> None:
    ran = cli("url", "inspect", callback.url("http://h", "deepinfra", key=KEY, expires_at=1))

    assert "expired" in ran.out
    assert "quarantine" in ran.err


def test_a_dash_reads_the_url_from_standard_input(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential on the command line would stand in the list of processes."""
    url = callback.url("http://h", "deepinfra", key=KEY)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{url}\n"))

    assert cli("url", "inspect", "-", "--json").rows[0]["signature"] == "valid"


@pytest.mark.parametrize(
    "url", ["", "x", "http://h/webhooks/deepinfra", "http://h/webhooks/deepinfra/a.b.c"]
)
def test_what_is_no_callback_url_exits_2(cli: Any, url: str) -> None:
    assert cli("url", "inspect", url).status == 2


def test_without_an_up_the_base_is_the_ingest_s_own_address(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As this machine reaches it, whatever it listens on."""
    monkeypatch.setenv("INFERBUS_INGEST__HOST", "0.0.0.0")
    monkeypatch.setenv("INFERBUS_INGEST__PORT", "9000")

    ran = cli("url", "mint", "--provider", "deepinfra")

    assert ran.out.startswith("http://127.0.0.1:9000/webhooks/deepinfra/")
