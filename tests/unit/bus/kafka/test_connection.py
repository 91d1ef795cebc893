"""Settings become the client's options; what the facts demand is among them."""

from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from pydantic import SecretStr

from bus.kafka.connection import (
    EMBEDDED,
    KafkaTuning,
    client_options,
    consumer_options,
    group_options,
    producer_options,
)
from bus.runtime.settings_sections import KafkaSettings

TUNING = KafkaTuning()


def test_every_option_is_one_the_client_knows() -> None:
    """A misspelt one would be found only when it connects."""
    settings = KafkaSettings()

    assert client_options(settings, "c", TUNING).keys() <= KafkaAdminClient.DEFAULT_CONFIG.keys()
    assert producer_options(settings, "c", TUNING).keys() <= KafkaProducer.DEFAULT_CONFIG.keys()
    consumer = consumer_options(settings, "c", TUNING) | group_options("g", TUNING)
    assert consumer.keys() <= KafkaConsumer.DEFAULT_CONFIG.keys()


def test_the_producer_neither_wedges_nor_reorders_nor_makes_topics() -> None:
    """The settings that measured faults of the client demand."""
    options = producer_options(KafkaSettings(), "c", TUNING)

    assert options["enable_idempotence"] is False
    assert options["acks"] == "all"
    assert options["max_in_flight_requests_per_connection"] == 1
    assert options["allow_auto_create_topics"] is False
    assert options["reconnect_backoff_max_ms"] == 1000
    # Broker fail-over takes 9 to 11 s by default, and the client demands the second.
    assert options["delivery_timeout_ms"] > 12_000
    assert options["delivery_timeout_ms"] >= options["linger_ms"] + options["request_timeout_ms"]


@pytest.mark.parametrize("tuning", [TUNING, EMBEDDED])
def test_the_consumer_commits_nothing_by_itself(tuning: KafkaTuning) -> None:
    """And starts a new group at the earliest record."""
    options = consumer_options(KafkaSettings(), "c", tuning) | group_options("g", tuning)

    assert options["enable_auto_commit"] is False
    assert options["auto_offset_reset"] == "earliest"
    assert options["heartbeat_interval_ms"] * 3 <= options["session_timeout_ms"]


def test_security_settings_are_passed_on(tmp_path: Path) -> None:
    """TLS files, and the login with its secret."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    settings = KafkaSettings(
        bootstrap_servers="a:1,b:2",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="alice",
        sasl_password=SecretStr("alice-pw"),
        ssl_cafile=ca,
    )

    options = client_options(settings, "ingest", TUNING)

    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert (options["client_id"], options["security_protocol"]) == ("ingest", "SASL_SSL")
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "alice")
    assert options["sasl_plain_password"] == "alice-pw"
    assert options["ssl_cafile"] == str(ca)


def test_without_login_none_is_tried() -> None:
    """The client would log in with whatever it is given."""
    assert "sasl_mechanism" not in client_options(KafkaSettings(), "c", TUNING)
