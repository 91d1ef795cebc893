"""How every client connects: address, TLS, login, and how it behaves when the broker is away."""

import socket
from dataclasses import dataclass
from typing import Any

from bus.kafka.oauth import KafkaTokens, token_source
from bus.runtime.settings_sections import KafkaSettings

_KEEP_ALIVE = [
    # The client's own value replaces the system's and leaves keep-alive out; without it a
    # peer that vanished behind a firewall is noticed only by time-outs.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


@dataclass(frozen=True, slots=True)
class KafkaTuning:
    """Limits of time, in seconds, and of size, with their reasons."""

    # Waiting for a first answer, in constructors. They are retried, so shorter than Kafka's 30.
    bootstrap_timeout_s: float = 5.0
    # A healthy acks=all answer takes milliseconds, across regions a few hundred.
    request_timeout_s: float = 5.0
    # Must exceed a broker's fail-over, 9 to 11 s with Kafka's defaults.
    delivery_timeout_s: float = 30.0
    # A dead consumer's partitions wait so long; below 6 s Kafka refuses by default.
    session_timeout_s: float = 10.0
    # A batch that takes longer in the handler costs its consumer the partitions.
    max_poll_interval_s: float = 300.0
    # After so long without a record the consumer checks whether it has stalled.
    stall_check_s: float = 10.0
    # Enough for a hundred events of a kilobyte; larger records go alone anyway.
    batch_bytes: int = 131_072


# On the embedded broker a lone member gets its first record after half the session timeout,
# and a partition's end offset counts its last batch as one record, so batches hold just one.
EMBEDDED = KafkaTuning(session_timeout_s=4.0, batch_bytes=0)


def client_options(settings: KafkaSettings, client: str, tuning: KafkaTuning) -> dict[str, Any]:
    """Return the arguments that producer, consumer and admin client have in common."""
    return {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "client_id": client,
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": _ms(tuning.bootstrap_timeout_s),
        "request_timeout_ms": _ms(tuning.request_timeout_s),
        # With the default of 30 s, recovery after an outage takes up to 36 s.
        "reconnect_backoff_max_ms": 1000,
        "metadata_max_age_ms": 30_000,
        "socket_options": _KEEP_ALIVE,
        **_tls_options(settings),
        **_login_options(settings),
    }


def producer_options(settings: KafkaSettings, client: str, tuning: KafkaTuning) -> dict[str, Any]:
    """Return a producer's arguments."""
    return {
        **client_options(settings, client, tuning),
        "acks": "all",
        # The idempotent mode stops for good after a broker's freeze, a deleted topic or one
        # oversized record. Duplicates are removed by the event id instead.
        "enable_idempotence": False,
        # Keeps the order within a partition without idempotence.
        "max_in_flight_requests_per_connection": 1,
        "delivery_timeout_ms": _ms(tuning.delivery_timeout_s),
        # While one request is in flight the next batch gathers; lingering only adds latency.
        "linger_ms": 0,
        "batch_size": tuning.batch_bytes,
        # How long send() may block where a topic is unknown.
        "max_block_ms": 1000,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
    }


def consumer_options(settings: KafkaSettings, client: str, tuning: KafkaTuning) -> dict[str, Any]:
    """Return the arguments of a consumer, in a group or not."""
    return {
        **client_options(settings, client, tuning),
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        # Other programs may write in transactions; what they took back is not to be read.
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "fetch_max_wait_ms": 250,
        # A batch is one transaction and one commit. Of 500, each record costs storage a tenth more
        # on SQLite and a third more on PostgreSQL; of 2,000, no less than of these.
        "max_poll_records": 1000,
        # Of what is fetched, batches are made in memory; 50 MiB, the default, is a lot of it.
        "fetch_max_bytes": 16 << 20,
        "metrics_enabled": False,
    }


def group_options(group: str, tuning: KafkaTuning) -> dict[str, Any]:
    """Return the further arguments of a consumer in a group."""
    return {
        "group_id": group,
        "session_timeout_ms": _ms(tuning.session_timeout_s),
        "heartbeat_interval_ms": _ms(tuning.session_timeout_s / 3),
        "max_poll_interval_ms": _ms(tuning.max_poll_interval_s),
    }


def _tls_options(settings: KafkaSettings) -> dict[str, Any]:
    password = settings.ssl_key_password
    return {
        "ssl_cafile": _path(settings.ssl_cafile),
        "ssl_certfile": _path(settings.ssl_certfile),
        "ssl_keyfile": _path(settings.ssl_keyfile),
        # With None, an encrypted key would make OpenSSL ask the terminal, and wait.
        "ssl_password": password.get_secret_value() if password else "",
    }


def _login_options(settings: KafkaSettings) -> dict[str, Any]:
    if settings.sasl_mechanism is None:
        return {}
    if settings.sasl_mechanism == "OAUTHBEARER":
        tokens = KafkaTokens(token_source(settings))
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": tokens}
    password = settings.sasl_password
    return {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
    }


def _path(path: object | None) -> str | None:
    return None if path is None else str(path)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
