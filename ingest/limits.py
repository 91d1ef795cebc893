"""Which limits fit together: what is taken must be kept, and what is kept must fit a record."""

from collections.abc import Iterator

from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import IngestSettings
from schemas.topics import HEAD_ROOM_BYTES, MAX_RECORD_BYTES


def require_limits(settings: IngestSettings) -> None:
    """Raise `SettingsError` where a body could be taken that could not be published."""
    problems = list(limit_problems(settings))
    if problems:
        raise SettingsError("; ".join(problems))


def limit_problems(settings: IngestSettings) -> Iterator[str]:
    """Yield a line with both numbers for each limit that does not fit another."""
    if settings.inline_limit_bytes > settings.max_body_bytes:
        yield (
            f"INFERBUS_INGEST__INLINE_LIMIT_BYTES={settings.inline_limit_bytes} is above"
            f" INFERBUS_INGEST__MAX_BODY_BYTES={settings.max_body_bytes}: lower the former"
        )
    if settings.inline_limit_bytes + HEAD_ROOM_BYTES > MAX_RECORD_BYTES:
        yield (
            f"INFERBUS_INGEST__INLINE_LIMIT_BYTES={settings.inline_limit_bytes} and"
            f" {HEAD_ROOM_BYTES} bytes of head and headers are above the {MAX_RECORD_BYTES}"
            f" bytes of a record: lower it to {MAX_RECORD_BYTES - HEAD_ROOM_BYTES} or less"
        )
    if settings.max_inflight_bytes < settings.max_body_bytes:
        yield (
            f"INFERBUS_INGEST__MAX_INFLIGHT_BYTES={settings.max_inflight_bytes} is below"
            f" INFERBUS_INGEST__MAX_BODY_BYTES={settings.max_body_bytes}: raise the former"
        )
