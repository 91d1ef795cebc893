"""What `up` shows: a ready line or a welcome, then a line per delivery and per alert."""

import shlex
import shutil
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from inferbus.output import emit_json, safe, stdout_console

if TYPE_CHECKING:
    from rich.text import Text

    from ingest.report import DeliveryReport

EXAMPLE_ID = "RTryInferbusOnYourOwn001"
_EXAMPLE_BODY = (
    f'{{"request_id":"{EXAMPLE_ID}","inference_status":{{"status":"succeeded",'
    '"runtime_ms":243,"cost":0.0001140000022132881,"tokens_generated":9,"tokens_input":12},'
    '"results":[{"generated_text":"Hello from the other side."}]}'
)


class View(Protocol):
    """What the running `up` tells its terminal."""

    def ready(self, content: dict[str, Any]) -> None:
        """All parts run; `content` is that of `up.json`."""
        ...

    def delivery(self, report: "DeliveryReport") -> None:
        """One delivery was answered. Called on the event loop: must not block."""
        ...

    def log_line(self, _logger: object, _method: str, line: Any) -> Any:
        """See each log line before it is written; drop what is shown instead."""
        ...

    def close(self) -> None:
        """Show what is left."""
        ...


class JsonView:
    """For programs: one line when ready, nothing else."""

    def ready(self, content: dict[str, Any]) -> None:
        """Print up.json's content as one line."""
        emit_json(content)

    def delivery(self, report: "DeliveryReport") -> None:
        """Print nothing."""

    def log_line(self, _logger: object, _method: str, line: Any) -> Any:
        """Let every line through."""
        return line

    def close(self) -> None:
        """Nothing is held back."""


class HumanView:
    """
    For people: the welcome, then live lines from a thread of their own.

    A terminal that stands still (Ctrl-S) must not hold up deliveries, nor may thousands a
    second cost more than they are worth: beyond `_AT_ONCE` they are summed up in one line.
    """

    _AT_ONCE = 25
    _HELD = 10_000
    _EVERY_S = 0.1

    def __init__(self, data_dir: Path, *, is_quiet: bool = False) -> None:
        self._data_dir = data_dir
        self._is_quiet = is_quiet
        self._console = stdout_console()
        self._waiting: deque[DeliveryReport | dict[str, Any]] = deque(maxlen=self._HELD)
        self._closing = threading.Event()
        self._printer = threading.Thread(target=self._print, name="view", daemon=True)

    def ready(self, content: dict[str, Any]) -> None:
        """Print the welcome and begin with the live lines."""
        for line in welcome(content, self._data_dir):
            self._console.print(line, soft_wrap=True)
        self._printer.start()

    def delivery(self, report: "DeliveryReport") -> None:
        """Queue a line."""
        self._waiting.append(report)

    def log_line(self, _logger: object, method: str, line: Any) -> Any:
        """Show alerts among the live lines instead of in the log; quiet, drop mere information."""
        if (
            self._is_quiet
            and method in ("debug", "info")
            and line.get("event") not in _ALERT_STYLES
        ):
            raise structlog.DropEvent
        if line.get("event") in _ALERT_STYLES:
            self._waiting.append(dict(line))
            raise structlog.DropEvent
        return line

    def close(self) -> None:
        """Print what waits."""
        self._closing.set()
        if self._printer.is_alive():
            self._printer.join(timeout=1.0)

    def _print(self) -> None:
        try:
            while not self._closing.wait(self._EVERY_S):
                self._print_waiting()
            self._print_waiting()
        except (OSError, ValueError):
            return  # stdout was closed: deliveries go on unseen

    def _print_waiting(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        alerts = [item for item in waiting if isinstance(item, dict)]
        reports = [item for item in waiting if not isinstance(item, dict)]
        for report in reports[: self._AT_ONCE]:
            for line in delivery_lines(report, datetime.now().astimezone()):
                self._console.print(line, soft_wrap=True)
        if more := reports[self._AT_ONCE :]:
            counts = Counter(str(report.status) for report in more)
            said = ", ".join(f"{count} {status}" for status, count in counts.most_common())
            self._console.print(f"         … and {said}", style="dim", soft_wrap=True)
        for alert in alerts:
            self._console.print(alert_line(alert, datetime.now().astimezone()), soft_wrap=True)


_STATUS_STYLES = {
    "published": "green",
    "duplicate": "cyan",
    "spooled": "yellow",
    "quarantined": "magenta",
    "refused": "red",
}
_ALERT_STYLES = {"alert_raised": "bold red", "alert_resolved": "bold green"}
_SHOWN_OF_ALERTS = ("rule", "severity", "count")


def delivery_lines(report: "DeliveryReport", now: datetime) -> Iterator["Text"]:
    """Return a line per event of a delivery, or one with the reason where there is none."""
    from rich.text import Text

    status = str(report.status)
    for event in report.events or [None]:
        line = Text(f"{now:%H:%M:%S}  {report.http_status} ")
        line.append(f"{status:<11}", _STATUS_STYLES.get(status, ""))
        line.append(safe(_what(report, event)))
        model = f"  {report.model}" if report.model else ""
        line.append(safe(f"{model}  {_bytes(report.body_bytes)}  {report.duration_s * 1e3:.0f} ms"))
        yield line


def _what(report: "DeliveryReport", event: Any) -> str:
    if event is None:
        return f" {report.provider}  {report.reason or ''}"
    where = (
        event.topic if event.offset is None else f"{event.topic}[{event.partition}]@{event.offset}"
    )
    reason = f"  {report.reason}" if report.reason else ""
    return f" {event.outcome:<10}  {event.event_id}  {where}{reason}"


def alert_line(alert: dict[str, Any], now: datetime) -> "Text":
    """Return the line of an alert, from its log line."""
    from rich.text import Text

    word = "ALERT" if alert["event"] == "alert_raised" else "alert over"
    line = Text(f"{now:%H:%M:%S}  ")
    line.append(f"{word:<15}", _ALERT_STYLES[alert["event"]])
    said = [f"{name}={safe(alert[name])}" for name in _SHOWN_OF_ALERTS if alert.get(name)]
    return line.append(f" {safe(alert.get('summary', ''))}  {'  '.join(said)}")


def _bytes(count: int) -> str:
    if count < 1000:  # noqa: PLR2004 - a thousand
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - a million


def welcome(content: dict[str, Any], data_dir: Path) -> Iterator["Text"]:
    """Return what a newcomer needs: the URL, a curl that works, where to look, a way in."""
    from rich.text import Text

    command = _command(data_dir)
    yield Text.assemble(("inferbus is ready", "bold green"), f"  (admin {content['admin_url']})")
    yield Text("")
    yield Text("Webhook URL, give it to DeepInfra as `webhook`:", "bold")
    yield Text(f"  {content['webhook_url']}")
    yield Text("Try it:", "bold")
    yield Text(f"  {example_curl(content['local_webhook_url'])}")
    yield Text("Then look, in another terminal:", "bold")
    yield Text(f"  {command('get', EXAMPLE_ID)}   or   {command('tail', '--from-beginning')}")
    yield from _way_in(content)
    yield Text("")


def _way_in(content: dict[str, Any]) -> Iterator["Text"]:
    from rich.text import Text

    if content["webhook_url"] != content["local_webhook_url"]:
        return
    port = content["local_webhook_url"].split("/")[2].rpartition(":")[2]
    yield Text("Providers cannot reach this address. A tunnel, then --public-url:", "bold")
    yield Text(f"  cloudflared tunnel --url http://127.0.0.1:{port}   ngrok http {port}")
    yield Text(
        f"  ssh -R 8080:127.0.0.1:{port} your-server   →   inferbus up --public-url https://…"
    )


def example_curl(url: str) -> str:
    """Return a command that delivers a small result; works when pasted into a shell."""
    return f"curl -sS -H 'Content-Type: application/json' -d '{_EXAMPLE_BODY}' {shlex.quote(url)}"


def _command(data_dir: Path) -> Any:
    program = "inferbus" if shutil.which("inferbus") else sys.argv[0]
    where = [] if data_dir == Path(".inferbus") else ["--data-dir", str(data_dir)]

    def write(*words: str) -> str:
        return shlex.join([program, *words, *where])

    return write
