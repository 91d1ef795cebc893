"""Tokens for OAUTHBEARER: kept while they are good, never shown."""

from pathlib import Path

import pytest

from bus.kafka.oauth import (
    ClientCredentials,
    FileTokens,
    GrantedTokens,
    TokenAnswer,
    TokenUnavailableError,
    token_source,
)
from bus.runtime.settings_sections import KafkaSettings


class Endpoint:
    """Grants tokens one, two, three; out of order while `is_away`."""

    def __init__(self, life_s: float) -> None:
        self.life_s = life_s
        self.is_away = False
        self.granted = 0
        self.now = 0.0
        self.tokens = GrantedTokens(self.grant, lambda: self.now)

    def grant(self) -> TokenAnswer:
        """Give the next token out."""
        if self.is_away:
            raise TokenUnavailableError("away")
        self.granted += 1
        return TokenAnswer(f"token-{self.granted}", self.life_s)


def test_a_token_serves_for_most_of_its_life() -> None:
    endpoint = Endpoint(life_s=100)

    assert endpoint.tokens.token() == "token-1"
    endpoint.now = 79
    assert endpoint.tokens.token() == "token-1"
    endpoint.now = 80
    assert endpoint.tokens.token() == "token-2"
    assert endpoint.granted == 2


def test_while_the_endpoint_is_away_the_old_token_serves_to_its_end() -> None:
    endpoint = Endpoint(life_s=100)
    endpoint.tokens.token()
    endpoint.is_away = True

    endpoint.now = 99
    assert endpoint.tokens.token() == "token-1"
    endpoint.now = 100
    with pytest.raises(TokenUnavailableError):
        endpoint.tokens.token()


def test_a_token_of_unknown_life_serves_once() -> None:
    endpoint = Endpoint(life_s=0)

    assert [endpoint.tokens.token(), endpoint.tokens.token()] == ["token-1", "token-2"]


def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """Whoever renews it replaces the file."""
    path = tmp_path / "token"
    source = FileTokens(path)

    path.write_text("first\n")
    assert source.token() == "first"
    path.write_text("second\n")
    assert source.token() == "second"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b" \n", "is empty"), (b"\xff", "is no text")]
)
def test_a_token_file_of_no_use_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TokenUnavailableError, match=f"{path}: {why}"):
        FileTokens(path).token()


def test_the_settings_choose_the_source(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch()
    grant = {
        "oauth_token_url": "https://idp/token",
        "oauth_client_id": "us",
        "oauth_client_secret": "hunter2",
    }

    assert token_source(KafkaSettings(oauth_token_file=path)) == FileTokens(path)
    assert isinstance(token_source(KafkaSettings(**grant)), GrantedTokens)  # type: ignore[arg-type] # as the environment gives them


def test_a_grant_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(ClientCredentials("https://idp/token", "us", "hunter2"))
