"""What `up` tells, to people and in up.json."""

import json
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from bus.records import TopicPartition
from bus.runtime.settings import load_settings
from inferbus import callback
from inferbus.up import webhook_url, with_signing_key
from inferbus.up_ground import CatchUp
from inferbus.up_view import (
    EXAMPLE_ID,
    HumanView,
    JsonView,
    alert_line,
    delivery_lines,
    example_curl,
    welcome,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTENT = {
    "webhook_url": "http://127.0.0.1:8080/webhooks/deepinfra/k.p.m",
    "local_webhook_url": "http://127.0.0.1:8080/webhooks/deepinfra/k.p.m",
    "admin_url": "http://127.0.0.1:8081",
}


@dataclass
class Receipt:
    """An event's entry in a receipt."""

    event_id: str = "deepinfra:R1:failed"
    outcome: str = "failed"
    topic: str = "inference.failed"
    partition: int | None = 3
    offset: int | None = 41


@dataclass
class Report:
    """A delivery as the ingest reports it."""

    provider: str = "deepinfra"
    status: str = "published"
    reason: str | None = None
    http_status: int = 200
    events: list[Receipt] = field(default_factory=list)
    body_bytes: int = 1234
    duration_s: float = 0.0123
    model: str | None = "a/b"


def lines(report: Any) -> list[str]:
    return [line.plain for line in delivery_lines(report, NOW)]


def test_a_delivery_is_a_line_with_its_position() -> None:
    (line,) = lines(Report(events=[Receipt()]))

    assert "12:00:00  200 published" in line
    assert "failed" in line
    assert "deepinfra:R1:failed  inference.failed[3]@41  a/b  1.2 kB  12 ms" in line


def test_a_refused_delivery_is_a_line_with_its_reason() -> None:
    (line,) = lines(Report(status="refused", http_status=401, reason="unauthenticated", model=None))

    assert "401 refused" in line
    assert "unauthenticated" in line


def test_a_line_is_safe_to_print() -> None:
    """The id and the model were chosen by whoever posted."""
    (line,) = lines(Report(events=[Receipt(event_id="deepinfra:\x1b[2J:failed")], model="\x9b0m"))

    assert "\x1b" not in line
    assert "\x9b" not in line


def test_an_alert_is_a_line_that_names_its_rule() -> None:
    line = alert_line({"event": "alert_raised", "rule": "failures", "summary": "3 failed"}, NOW)

    assert "ALERT" in line.plain
    assert "rule=failures" in line.plain
    assert "3 failed" in line.plain


def test_the_curl_is_one_shell_command_with_a_body_of_strict_json() -> None:
    words = shlex.split(example_curl(CONTENT["webhook_url"]))

    assert words[0] == "curl"
    assert words[-1] == CONTENT["webhook_url"]
    assert json.loads(words[words.index("-d") + 1])["request_id"] == EXAMPLE_ID


def test_the_welcome_says_how_to_be_reached_from_outside() -> None:
    said = "\n".join(line.plain for line in welcome(CONTENT, Path(".inferbus")))

    assert CONTENT["webhook_url"] in said
    assert f"get {EXAMPLE_ID}" in said
    assert "--public-url" in said


def test_with_a_public_url_the_welcome_needs_no_tunnel() -> None:
    content = CONTENT | {"webhook_url": "https://hooks.example.com/webhooks/deepinfra/k.p.m"}

    said = "\n".join(line.plain for line in welcome(content, Path("elsewhere")))

    assert "https://hooks.example.com/" in said
    assert "tunnel" not in said
    assert "--data-dir elsewhere" in said


def test_for_programs_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView()

    view.ready(CONTENT)
    view.delivery(Report())
    view.close()

    assert json.loads(capsys.readouterr().out) == CONTENT


def test_for_people_deliveries_and_alerts_are_shown_while_it_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = HumanView(Path(".inferbus"))
    view.ready(CONTENT)

    view.delivery(Report(events=[Receipt()]))
    with pytest.raises(structlog.DropEvent):
        view.log_line(None, "warning", {"event": "alert_raised", "rule": "failures"})
    assert view.log_line(None, "error", {"event": "other"}) == {"event": "other"}
    view.close()

    out = capsys.readouterr().out
    assert "inferbus is ready" in out
    assert "inference.failed[3]@41" in out
    assert "rule=failures" in out


def test_quiet_keeps_alerts_and_what_is_wrong() -> None:
    """The live lines replace the log's information, not its warnings."""
    view = HumanView(Path(".inferbus"), is_quiet=True)

    with pytest.raises(structlog.DropEvent):
        view.log_line(None, "info", {"event": "delivery_accepted"})

    assert view.log_line(None, "warning", {"event": "other"}) == {"event": "other"}


def test_an_alert_before_the_welcome_is_shown_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What was raised before a restart may be told while the parts still start."""
    view = HumanView(Path(".inferbus"), is_quiet=True)
    with pytest.raises(structlog.DropEvent):
        view.log_line(None, "info", {"event": "alert_resolved", "summary": "3 failed"})

    view.ready(CONTENT)
    view.close()

    assert "3 failed" in capsys.readouterr().out.partition("inferbus is ready")[2]


def test_a_flood_of_deliveries_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Printing must never cost more than the deliveries themselves."""
    view = HumanView(Path(".inferbus"))
    for _ in range(500):
        view.delivery(Report(events=[Receipt()]))

    view.ready(CONTENT)
    view.close()

    assert "… and 475 published" in capsys.readouterr().out


def test_the_printed_url_is_the_same_after_every_start(tmp_path: Path) -> None:
    """Whoever pasted it into their code need not paste it again."""
    settings = with_signing_key(load_settings(data_dir=tmp_path))
    again = with_signing_key(load_settings(data_dir=tmp_path))

    url = webhook_url(settings, "http://h")

    assert url == webhook_url(again, "http://h")
    assert callback.inspect(url)[1].expires_at is None


def test_keys_of_the_settings_beat_the_made_one(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, ingest={"signing_keys": f"mine:{'s' * 32}"})

    assert "/mine." in webhook_url(with_signing_key(settings), "http://h")
    assert not (tmp_path / "signing.key").exists()


@pytest.mark.parametrize(
    ("ingest", "expected"),
    [
        ({"auth": "none"}, "http://h/webhooks/deepinfra"),
        ({"auth": "token", "tokens": "a:first,b:second"}, "http://h/webhooks/deepinfra/first"),
    ],
)
def test_the_printed_url_follows_the_method(
    tmp_path: Path, ingest: dict[str, str], expected: str
) -> None:
    settings = with_signing_key(load_settings(data_dir=tmp_path, ingest=ingest))

    assert webhook_url(settings, "http://h") == expected


class Offsets:
    """An admin whose groups commit one record more each time they are asked for."""

    def __init__(self, end: int) -> None:
        self._ends = {TopicPartition("inference.failed", 0): end}
        self._committed = 0
        self.is_closed = False

    def committed(self, group: str) -> dict[TopicPartition, int]:
        self._committed += 1
        return dict.fromkeys(self._ends, self._committed)

    def end_offsets(self, topics: list[str]) -> dict[TopicPartition, int]:
        return self._ends

    def close(self) -> None:
        self.is_closed = True


@dataclass
class OffsetsBus:
    """A bus of which only the admin is asked for."""

    offsets: Offsets

    def admin(self) -> Offsets:
        return self.offsets


async def test_a_stop_waits_until_everything_published_is_settled(tmp_path: Path) -> None:
    """The embedded broker forgets: what is answered with 200 must be stored before it ends."""
    offsets = Offsets(end=6)
    part = CatchUp(OffsetsBus(offsets), load_settings(data_dir=tmp_path), lambda: None)  # type: ignore[arg-type]  # only its admin is used
    part._EVERY_S = 0.0

    await part.stop()

    assert offsets.committed("") == {TopicPartition("inference.failed", 0): 9}
    assert offsets.is_closed


async def test_a_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    offsets = Offsets(end=10**9)
    part = CatchUp(OffsetsBus(offsets), load_settings(data_dir=tmp_path), lambda: None)  # type: ignore[arg-type]  # same
    part._EVERY_S = part._PATIENCE_S = 0.0

    await part.stop()

    assert offsets.is_closed


async def test_with_a_dead_broker_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    offsets = Offsets(end=10**9)
    settings = load_settings(data_dir=tmp_path)
    part = CatchUp(OffsetsBus(offsets), settings, lambda: "it ended")  # type: ignore[arg-type]  # same

    await part.stop()

    assert not offsets.is_closed
