"""The normalized event: one provider's word about one inference job, immutable."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """How a job stands, by the provider's terminal status alone."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PROGRESS = "progress"
    QUARANTINED = "quarantined"


class EventError(msgspec.Struct, frozen=True, gc=False):
    """What the provider said went wrong; either part may be missing."""

    code: str | None = None
    message: str | None = None


class PayloadRef(msgspec.Struct, frozen=True, gc=False):
    """Where a body above the inline limit lies: blob URL, SHA-256 in hex, size in bytes."""

    url: str
    sha256: str
    bytes: int
    media_type: str = "application/json"


class InferenceEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One normalized event. `id` is `provider:request_id:outcome`.

    Exactly one of `body` (the provider's bytes, verbatim) and `payload_ref` is set.
    `cost_usd` is exact, never a float; `received_at` is UTC. A derived field that the body
    gives in a wrong type or range is None.
    """

    id: str
    provider: str
    request_id: str
    outcome: Outcome
    provider_status: str
    received_at: datetime
    model: str | None = None
    labels: Mapping[str, str] = {}
    job: str | None = None
    runtime_ms: int | None = None
    cost_usd: Decimal | None = None
    tokens_input: int | None = None
    tokens_output: int | None = None
    output_kind: str | None = None
    error: EventError | None = None
    inner_status: str | None = None
    body_sha256: str
    body_bytes: int
    body: bytes | None = None
    payload_ref: PayloadRef | None = None


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    An authentic delivery that could not be understood, kept with its exact bytes.

    `id` is `provider:sha256-<hex>:quarantined`; model, labels and job are those of the
    callback URL, so that a replay loses nothing.
    """

    id: str
    provider: str
    reason: str
    detail: str
    received_at: datetime
    model: str | None = None
    labels: Mapping[str, str] = {}
    job: str | None = None
    payload_text: str = ""
    body_sha256: str
    body_bytes: int
    body: bytes | None = None
    payload_ref: PayloadRef | None = None

    @property
    def outcome(self) -> Outcome:
        """Always `quarantined`: it is published and counted like an event."""
        return Outcome.QUARANTINED

    @property
    def request_id(self) -> str:
        """The middle part of the id, which is the record's key."""
        return self.id.split(":")[1]
