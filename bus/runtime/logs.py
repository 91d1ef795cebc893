"""Logs: JSON lines for machines, colours on a terminal, never a body and never a secret."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal

import orjson
import structlog

from bus.runtime.masking import mask_credentials
from bus.runtime.visible import visible, visible_json

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# What structlog itself puts into a line.
_OF_MANY_LINES = ("exception", "stack")
# At DEBUG these print keys, values and raw frames: inference results.
_NEVER_BELOW_INFO = ("kafka", "aiohttp", "sqlalchemy", "alembic", "asyncio")
# Five lines for each failed attempt to connect, several a second; we say once what is wrong.
# Its loop warns of each step above 0.1 s, and of sockets that it closes itself, as errors.
_TELLS_AT_DEBUG_ONLY = ("kafka.net", "kafka.cluster")
# These add the same to each of many lines of one level that are written together.
_SAME_FOR_ALL: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["json", "console", "auto"] = "auto",
) -> None:
    """Set up structlog and the standard library's loggers, all onto stderr."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [*_SAME_FOR_ALL, _mask_secrets]
    structlog.configure(
        processors=[*shared, *_renderer(as_json=as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _bridge_standard_library(shared, _LEVELS[level], as_json=as_json)


def info_all(event: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """
    Log many lines of one event at level info with one write, in structlog's present set-up.

    One by one each costs 15 µs more: a logger bound anew, a system call, and another 3 for what
    is the same in all of them.
    """
    if not structlog.get_logger().bind().is_enabled_for(logging.INFO):
        return
    set_up = structlog.get_config()
    same, others = _divided(set_up["processors"])
    head = _processed(same, {})
    written = [_rendered(others, {**line, "event": event, **head}) for line in lines]
    said = [line for line in written if line is not None]
    if said:
        set_up["logger_factory"]().msg("\n".join(said))


_Processors = Sequence[structlog.typing.Processor]


def _divided(processors: _Processors) -> tuple[_Processors, _Processors]:
    """Return those at the beginning that say the same of every line, and the others."""
    count = sum(1 for _ in takewhile(_SAME_FOR_ALL.__contains__, processors))
    return processors[:count], processors[count:]


def _rendered(processors: _Processors, line: structlog.typing.EventDict) -> str | None:
    try:
        return str(_processed(processors, line))
    except structlog.DropEvent:
        return None


def _processed(processors: _Processors, line: Any) -> Any:
    for process in processors:
        line = process(None, "info", line)
    return line


def _tell_strangers_faults_in_a_line(record: logging.LogRecord) -> bool:
    """
    Tell what aiohttp's parser refuses, and who hangs up on an answer: no error, no traceback.

    The parser's message quotes what was sent, so it is left out too.
    """
    error = record.exc_info[1] if record.exc_info else None
    is_malformed = _is_of_aiohttps_parser(error)
    if is_malformed or isinstance(error, ConnectionError):
        what = "malformed" if is_malformed else "broken off"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = f"call {what}: {type(error).__name__}", ()
        record.exc_info = None
    return True


def _is_of_aiohttps_parser(error: BaseException | None) -> bool:
    # Who never imported it has none of its errors: 0.2 s less until a short command has started.
    loaded = sys.modules.get("aiohttp.http_exceptions")
    return loaded is not None and isinstance(error, loaded.HttpProcessingError)


def _renderer(*, as_json: bool) -> list[structlog.typing.Processor]:
    # Neither may show local variables, as both do by default: they hold bodies and secrets.
    if not as_json:
        return [
            _make_visible,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(_dumps),
    ]


def _dumps(line: Any, **_: Any) -> str:
    # `default=str`: an odd value must never raise inside logging.
    return visible_json(orjson.dumps(line, default=str).decode())


def _make_visible(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # Texts only: the renderer shows everything else by its repr, which escapes by itself.
    for name, value in line.items():
        if isinstance(value, str) and name not in _OF_MANY_LINES:
            line[name] = visible(value)
    return line


def _mask_secrets(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in line.items():
        if isinstance(value, str) and "/webhooks/" in value:
            line[name] = mask_credentials(value)
    return line


def _bridge_standard_library(
    shared: list[structlog.typing.Processor], level: int, *, as_json: bool
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderer(as_json=as_json),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in _NEVER_BELOW_INFO:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_tell_strangers_faults_in_a_line)
    for name in _TELLS_AT_DEBUG_ONLY:
        is_quiet = level > logging.DEBUG
        logging.getLogger(name).setLevel(logging.CRITICAL if is_quiet else logging.WARNING)
