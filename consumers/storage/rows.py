"""Stored rows as they are handed to whoever asks."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Table

from consumers.storage.tables import DEAD_LETTERS, EVENTS, QUARANTINE
from schemas.clock import rfc3339
from schemas.deadletter import DeadLetter
from schemas.money import plain


class BlobReader(Protocol):
    """What is needed of a blob store to read bodies back."""

    def get(self, sha256: str) -> bytes:
        """Return the blob with this hash."""
        ...


class BodyNotLoadedError(LookupError):
    """The row was listed without its body; ask for the one row instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    body_sha256: str
    body_bytes: int
    body_ref: str | None
    inline: bytes | None = field(default=None, repr=False)

    def body(self, blobs: BlobReader) -> bytes:
        """
        Return the provider's exact bytes, out of the blob store where they lie there.

        Raises `BodyNotLoadedError` for a row that was listed without its body, and what
        the blob store raises. Blocking.
        """
        if self.inline is not None:
            return self.inline
        if self.body_ref is None:
            raise BodyNotLoadedError("the row was listed without its body: ask for it alone")
        return blobs.get(self.body_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent(_Body):
    """One row of `events` or `current_status`; `inline` is its body where that was loaded."""

    event_id: str
    provider: str
    request_id: str
    outcome: str
    provider_status: str
    model: str | None
    labels: Mapping[str, str]
    job: str | None
    received_at: datetime
    stored_at: datetime
    runtime_ms: int | None
    cost_usd: Decimal | None
    tokens_input: int | None
    tokens_output: int | None
    output_kind: str | None
    error_code: str | None
    error_message: str | None
    inner_status: str | None
    topic: str
    partition_no: int
    offset_no: int

    def as_json(self) -> dict[str, Any]:
        """Return the table's columns without the body; times RFC 3339, money as text."""
        return _as_json(self, EVENTS, without="body")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuarantine(_Body):
    """One row of `quarantine`; `inline` is its body where that was loaded."""

    event_id: str
    provider: str
    reason: str
    detail: str
    model: str | None
    labels: Mapping[str, str]
    job: str | None
    payload_text: str
    received_at: datetime
    stored_at: datetime
    topic: str
    partition_no: int
    offset_no: int
    replayed_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the table's columns without the body."""
        return _as_json(self, QUARANTINE, without="body")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDeadLetter:
    """One row of `dead_letters`; `value` is there where it was loaded, and the record had one."""

    consumer: str
    dl_key: str
    event_id: str | None
    reason: str
    detail: str
    parked_at: datetime
    stored_at: datetime
    topic: str
    partition_no: int
    offset_no: int
    key: bytes | None
    value: bytes | None = field(default=None, repr=False)
    headers: Iterable[tuple[str, str]] = field(repr=False)
    value_sha256: str
    replayed_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the table's columns without the value; key and headers as far as text."""
        row = _as_json(self, DEAD_LETTERS, without="value")
        headers = self.letter().headers
        row["headers"] = [[name, raw.decode("utf-8", "replace")] for name, raw in headers]
        row["key"] = None if self.key is None else self.key.decode("utf-8", "replace")
        return row

    def letter(self) -> DeadLetter:
        """Return the parked record as it was."""
        return DeadLetter(
            consumer=self.consumer,
            reason=self.reason,
            detail=self.detail,
            parked_at=self.parked_at,
            topic=self.topic,
            partition=self.partition_no,
            offset=self.offset_no,
            event_id=self.event_id,
            value_sha256=self.value_sha256,
            key=self.key,
            value=self.value,
            headers=tuple((name, b64decode(text)) for name, text in self.headers),
        )


def _as_json(row: object, table: Table, without: str) -> dict[str, Any]:
    names = (column.name for column in table.columns if column.name != without)
    return {name: _json_value(getattr(row, name)) for name in names}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return plain(value)
    return dict(value) if isinstance(value, Mapping) else value
