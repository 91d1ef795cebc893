"""Limits that do not fit are refused with their numbers."""

from typing import Any

import pytest

from bus.runtime.settings_names import SettingsError
from bus.runtime.settings_sections import IngestSettings
from ingest.limits import limit_problems, require_limits
from schemas.topics import HEAD_ROOM_BYTES, MAX_RECORD_BYTES


def test_the_defaults_fit() -> None:
    """And the largest inline limit there can be."""
    require_limits(IngestSettings())
    require_limits(IngestSettings(inline_limit_bytes=MAX_RECORD_BYTES - HEAD_ROOM_BYTES))


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({"max_body_bytes": 2048}, ("524288", "2048")),
        ({"inline_limit_bytes": 1_000_001}, ("1000001", "48576", "1048576", "1000000")),
        ({"max_inflight_bytes": 4096}, ("4096", "67108864")),
    ],
)
def test_each_misfit_names_its_settings_and_numbers(
    given: dict[str, Any], numbers: tuple[str, ...]
) -> None:
    """One line that says which to change."""
    settings = IngestSettings(**given)

    [line] = limit_problems(settings)

    assert all(number in line for number in numbers)
    assert "INFERBUS_INGEST__" in line
    with pytest.raises(SettingsError):
        require_limits(settings)
