"""Broker settings of the secure listeners, and what a client needs to use them."""

import base64
import json
import time
from typing import Any

from .certificates import Certificates
from .options import ADMIN, LOGINS, ClusterOptions, Listener, Login, Mechanism

_PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
_OAUTH_MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
_TOKEN_LIFE_S = 3600
_FEW = (Mechanism.SCRAM_SHA_512, Mechanism.PLAIN)


def security_settings(options: ClusterOptions, files: Certificates) -> dict[str, str]:
    """Return what the asked listeners and ACLs add to a node's settings."""
    settings: dict[str, str] = {}
    for listener in options.listeners:
        if listener.uses_tls:
            settings |= _tls(listener, files)
        if listener.uses_sasl:
            settings |= _sasl(listener)
    return settings | _acls() if options.acls else settings


def client_settings(listener: Listener, login: Login | None, files: Certificates) -> dict[str, Any]:
    """Return kafka-python's security settings for `listener`; `ADMIN` logs in by default."""
    settings: dict[str, Any] = {"security_protocol": listener.protocol}
    if listener.uses_tls:
        settings["ssl_cafile"] = str(files.ca)
    if listener is Listener.MTLS:
        settings |= {"ssl_certfile": str(files.client), "ssl_keyfile": str(files.client_key)}
    if listener.uses_sasl:
        settings |= _login(login or ADMIN)
    return settings


def _tls(listener: Listener, files: Certificates) -> dict[str, str]:
    wrong = listener is Listener.TLS_WRONG_HOST
    pair = files.other_host_pair if wrong else files.server_pair
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pair),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(files.ca),
        "ssl.client.auth": "required" if listener is Listener.MTLS else "none",
        # Without it a principal is the whole distinguished name.
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,+]+).*$/$1/,DEFAULT",
    }
    return _for_listener(listener, settings)


def _sasl(listener: Listener) -> dict[str, str]:
    users = " ".join(f'user_{login.user}="{login.password}"' for login in LOGINS)
    offered = _FEW if listener is Listener.SASL_FEW else tuple(Mechanism)
    settings = {
        "sasl.enabled.mechanisms": ",".join(offered),
        "plain.sasl.jaas.config": f"{_PLAIN_MODULE} required {users};",
        "scram-sha-256.sasl.jaas.config": f"{_SCRAM_MODULE} required;",
        "scram-sha-512.sasl.jaas.config": f"{_SCRAM_MODULE} required;",
        # With no validator named, Kafka takes unsigned tokens and checks dates only.
        "oauthbearer.sasl.jaas.config": (
            f'{_OAUTH_MODULE} required unsecuredLoginStringClaim_sub="broker";'
        ),
    }
    return _for_listener(listener, settings)


def _acls() -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN.user}",
    }


def _for_listener(listener: Listener, settings: dict[str, str]) -> dict[str, str]:
    prefix = f"listener.name.{listener.value.lower()}."
    return {prefix + key: value for key, value in settings.items()}


def _login(login: Login) -> dict[str, Any]:
    if login.mechanism is Mechanism.OAUTHBEARER:
        provider = token_provider(login.user)
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": provider}
    return {
        "sasl_mechanism": login.mechanism.value,
        "sasl_plain_username": login.user,
        "sasl_plain_password": login.password,
    }


def unsigned_token(user: str) -> str:
    """Return a JSON web token without a signature that names `user`."""
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + _TOKEN_LIFE_S}
    return f"{_base64({'alg': 'none'})}.{_base64(claims)}."


def token_provider(user: str) -> Any:
    """Return kafka-python's token provider, giving out unsigned tokens of `user`."""
    from kafka.net.sasl.oauth import AbstractTokenProvider

    class Unsigned(AbstractTokenProvider):  # type: ignore[misc, unused-ignore]
        def token(self) -> str:
            return unsigned_token(user)

    return Unsigned()


def _base64(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
