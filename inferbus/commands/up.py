"""`inferbus up`: everything in one go."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import structlog

from bus.runtime.logs import configure_logs
from bus.runtime.memory import share_one_heap
from bus.runtime.settings import Settings
from inferbus.commands.url import check_base_url
from inferbus.context import service_settings
from inferbus.up import serve
from inferbus.up_ground import refuse_taken_port
from inferbus.up_state import UpLock
from inferbus.up_view import HumanView, JsonView, View

log = structlog.get_logger()


def run(
    *,
    host: str | None = None,
    port: int | None = None,
    admin_port: int | None = None,
    bootstrap_servers: str | None = None,
    public_url: str | None = None,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Run until SIGTERM or Ctrl-C; 0 after a clean stop, 1 where something failed."""
    public_url = check_base_url(public_url) if public_url else None
    ingest = _given(host=host, port=port, admin_port=admin_port, public_url=public_url)
    kafka = _given(bootstrap_servers=bootstrap_servers)
    settings = service_settings(data_dir, **_given(ingest=ingest or None, kafka=kafka or None))
    # The live lines say what a log would; what is wrong is still said beside them.
    is_quiet = not json and "level" not in settings.log.model_fields_set
    view = JsonView() if json else HumanView(settings.data_dir, is_quiet=is_quiet)
    _configure_logs(settings, view, is_quiet=is_quiet)
    share_one_heap()
    if settings.ingest.workers > 1:
        log.warning("workers_ignored", hint="`up` is one process; `inferbus ingest` has workers")
    with UpLock(settings.data_dir):
        at = settings.ingest
        refuse_taken_port(at.host, at.port, "--port")
        refuse_taken_port(at.admin_host, at.admin_port, "--admin-port")
        return asyncio.run(serve(settings, view))


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _configure_logs(settings: Settings, view: View, *, is_quiet: bool) -> None:
    configure_logs(settings.log.level, settings.log.format)
    if is_quiet:
        logging.root.setLevel(logging.WARNING)
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[view.log_line, *processors])
