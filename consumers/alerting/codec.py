"""Alerts to JSON, and to records on the topic of alerts."""

import msgspec
import orjson

from bus.records import Record
from schemas.alert import Alert
from schemas.clock import rfc3339
from schemas.codec import Headers, SchemaError
from schemas.topics import TopicNames

_ALERT = msgspec.json.Decoder(Alert)


def encode_alert(alert: Alert) -> bytes:
    """Return the alert as one JSON object with the members of `schemas.alert.Alert`."""
    members = msgspec.structs.asdict(alert) | {
        "group": dict(alert.group),
        "starts_at": rfc3339(alert.starts_at),
        "ends_at": rfc3339(alert.ends_at),
    }
    return orjson.dumps(members)


def decode_alert(value: bytes) -> Alert:
    """Read an alert back; raises `SchemaError`."""
    try:
        return _ALERT.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SchemaError(str(error)) from error


def message_id(alert: Alert) -> str:
    """Return the id of what is said of an alert: the same for every repeat of it."""
    return f"{alert.dedup_key}.{alert.state}"


def alert_record(alert: Alert, topics: TopicNames) -> Record:
    """Return the alert's record, keyed by dedup key, with CloudEvents headers."""
    return Record(
        topic=topics.of("alerts"),
        key=alert.dedup_key.encode(),
        value=encode_alert(alert),
        headers=_headers(alert),
    )


def _headers(alert: Alert) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", message_id(alert).encode()),
        ("ce_source", b"/alerting"),
        ("ce_type", f"inferbus.alert.{alert.state}.v1".encode()),
        ("ce_time", rfc3339(alert.ends_at).encode()),
        ("ce_subject", alert.dedup_key.encode()),
        ("content-type", b"application/json"),
    )
