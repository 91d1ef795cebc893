"""The SASL step: the mechanism, the login, and what a refusal means."""

from typing import Any

from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from bus.kafka.oauth import KafkaTokens, TokenUnavailableError, token_source
from bus.kafka.preflight.verdicts import ProbeFailedError, failed
from bus.kafka.preflight.wire import Conversation, HungUpError
from bus.runtime.settings_sections import KafkaSettings

# Kafka's error codes
_UNSUPPORTED_MECHANISM, _ILLEGAL_STATE = 33, 34
# Answers are two at most (SCRAM); a server that goes on is not taken at its word.
_MOST_ROUNDS = 5


def log_in(conversation: Conversation, server: str, settings: KafkaSettings) -> None:
    """Log in as the settings say. Raises `ProbeFailedError`."""
    mechanism = settings.sasl_mechanism or ""
    answer = conversation.ask(SaslHandshakeRequest(mechanism=mechanism), most=1)
    if answer.error_code == _ILLEGAL_STATE:
        protocol = settings.security_protocol.removeprefix("SASL_")
        plain = {"PLAINTEXT": "PLAINTEXT", "SSL": "SSL"}[protocol]
        raise failed("login-not-wanted", server, protocol=plain)
    if answer.error_code == _UNSUPPORTED_MECHANISM or mechanism not in answer.mechanisms:
        offered = _listed(answer.mechanisms)
        raise failed("mechanism-not-offered", server, mechanism=mechanism, offered=offered)
    try:
        _authenticate(conversation, _client_of(settings), server, settings)
    except TokenUnavailableError as error:
        raise failed("token-unavailable", server, why=error) from error


def offered_mechanisms(conversation: Conversation) -> str | None:
    """Return the mechanisms of a listener that wants a login, None of one that does not."""
    # A mechanism nobody has: the answer lists those there are, and no login has begun.
    answer = conversation.ask(SaslHandshakeRequest(mechanism="-"), most=1)
    return None if answer.error_code == _ILLEGAL_STATE else _listed(answer.mechanisms)


def _listed(mechanisms: list[str]) -> str:
    return ", ".join(sorted(mechanisms)) or "none"


def _client_of(settings: KafkaSettings) -> Any:
    """Return kafka-python's own client of the mechanism: we test what will be used."""
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else None
    options: dict[str, Any] = {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password,
    }
    if settings.sasl_mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = KafkaTokens(token_source(settings))
    return get_sasl_mechanism(settings.sasl_mechanism)(**options)


def _authenticate(
    conversation: Conversation, client: Any, server: str, settings: KafkaSettings
) -> None:
    for _ in range(_MOST_ROUNDS):
        request = SaslAuthenticateRequest(client.auth_bytes())
        try:
            answer = conversation.ask(request, most=1)
        except HungUpError as error:
            raise _refused(server, settings) from error
        if answer.error_code:
            raise _refused(server, settings)
        try:
            client.receive(answer.auth_bytes)
        except (ValueError, KeyError) as error:  # SCRAM: the server cannot prove itself
            raise _refused(server, settings) from error
        if client.is_done():
            break
    if not client.is_authenticated():
        raise _refused(server, settings)


def _refused(server: str, settings: KafkaSettings) -> ProbeFailedError:
    if settings.sasl_mechanism == "OAUTHBEARER":
        return failed("token-refused", server)
    return failed(
        "login-refused", server, user=settings.sasl_username, mechanism=settings.sasl_mechanism
    )
