"""A mistyped setting is refused with the one that was meant."""

import pytest

from bus.runtime.settings import setting_names
from bus.runtime.settings_names import unknown_names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("INFERBUS_INGEST__PRT", "INFERBUS_INGEST__PORT"),
        ("INFERBUS_INGST__PORT", "INFERBUS_INGEST__PORT"),
        ("INFERBUS_INGST__WORKERS", "INFERBUS_INGEST__WORKERS"),
        ("INFERBUS_LOGGING__LEVEL", "INFERBUS_LOG__LEVEL"),
        ("INFERBUS_ALERTS__WEBHOOK_URL", "INFERBUS_ALERTING__WEBHOOK_URL"),
        ("INFERBUS_STORE__URL", "INFERBUS_STORAGE__URL"),
        ("INFERBUS_LOG_LEVEL", "INFERBUS_LOG__LEVEL"),
        ("inferbus_ingest__prt", "INFERBUS_INGEST__PORT"),
        ("INFERBUS_DATADIR", "INFERBUS_DATA_DIR"),
        ("INFERBUS_PUBLIC_URL", "INFERBUS_INGEST__PUBLIC_URL"),
        ("INFERBUS_BOOTSTRAP_SERVERS", "INFERBUS_KAFKA__BOOTSTRAP_SERVERS"),
        ("INFERBUS_KAFKA__RETENTION_HOURS", "INFERBUS_TOPICS__RETENTION_HOURS"),
        ("INFERBUS_DATABASE__URL", "INFERBUS_BLOBS__URL or INFERBUS_STORAGE__URL"),
    ],
)
def test_what_was_meant_is_suggested(name: str, meant: str) -> None:
    """By section and name, not by how many letters the whole has in common."""
    [line] = unknown_names({name: "1"}, setting_names())

    assert line == f"unknown setting {name.upper()}: did you mean {meant}?"


def test_where_nothing_is_near_the_section_s_names_are_listed() -> None:
    """Any one of them would be a guess."""
    [line] = unknown_names({"INFERBUS_SPOOL__SIZE": "1"}, setting_names())

    assert line.endswith("the names in INFERBUS_SPOOL__ are DIR, MAX_BYTES, MODE, ANSWER")


def test_where_no_section_is_near_the_sections_are_listed() -> None:
    [line] = unknown_names({"INFERBUS_XYZZY__A": "1"}, setting_names())

    assert "the sections are KAFKA, TOPICS, INGEST," in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("INFERBUS_PORT", "tcp://10.0.0.1:8080"),
        ("INFERBUS_INGEST_PORT", "tcp://10.0.0.1:8080"),
        ("INFERBUS_INGEST_SERVICE_HOST", "10.0.0.1"),
        ("INFERBUS_INGEST_SERVICE_PORT", "8080"),
        ("INFERBUS_INGEST_SERVICE_PORT_HTTP", "8080"),
        ("INFERBUS_INGEST_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("INFERBUS_INGEST_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_service_links_of_kubernetes_are_ignored(name: str, text: str) -> None:
    """It sets them for each service of the namespace that is named inferbus-*."""
    assert unknown_names({name: text}, setting_names()) == []


@pytest.mark.parametrize("name", ["INFERBUS_PORT", "INFERBUS_INGEST_PORT"])
def test_a_port_alone_is_no_service_link(name: str) -> None:
    """One underscore too few would leave the default in force without a word."""
    [line] = unknown_names({name: "9000"}, setting_names())

    assert line.endswith("did you mean INFERBUS_INGEST__PORT?")
