"""A parked record: what a worker could never handle, with its reason and origin."""

from datetime import datetime

import msgspec


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """
    One record that a consumer parked, so that its partition could go on.

    `key`, `value` and `headers` are the parked record's own; `topic`, `partition` and
    `offset` say where it lay. `event_id` is its `ce_id`, if it had one.
    """

    consumer: str
    reason: str
    detail: str
    parked_at: datetime
    topic: str
    partition: int
    offset: int
    event_id: str | None = None
    value_sha256: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
