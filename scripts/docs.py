"""
Write the pages of docs/ that come from registers: `python -m scripts.docs [--check]`.

With --check nothing is written; the exit status says whether the pages are up to date.
"""
# ruff: noqa: INP001 - a folder of scripts is no package

import ast
import inspect
import itertools
import json
import sys
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bus.kafka.preflight import FAULTS, rights_of
from bus.kafka.preflight.rights import Service
from bus.runtime import metrics
from bus.runtime.settings import Settings
from bus.runtime.settings_names import ENV_PREFIX
from bus.runtime.settings_sections import KafkaSettings
from schemas.topics import TOPICS, TopicNames
from scripts.openapi import openapi

ROOT = Path(__file__).parents[1]
_GENERATED = "<!-- written by `python -m scripts.docs` from {source}: edit that, then run it -->"
_TYPE_NAMES = {str: "text", int: "whole number", float: "number", Path: "path", SecretStr: "secret"}


def pages() -> dict[Path, str]:
    """Return the text of every generated page by its path."""
    return {
        ROOT / "docs" / "configuration.md": configuration(),
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "docs" / "topics.md": topics(),
        ROOT / "docs" / "kafka.md": kafka_page(),
        ROOT / "docs" / "openapi.json": openapi_page(),
    }


def configuration() -> str:
    """Return the page of settings."""
    lines = [
        "# Configuration",
        _GENERATED.format(source="`bus/runtime/settings_sections.py`"),
        "",
        "Each setting is an environment variable, a line of `.env`, or a file of that name in a",
        "secrets directory (`INFERBUS_SECRETS_DIR`, default `/run/secrets` where it exists).",
        "Options of a command beat them; the environment beats `.env`, `.env` beats files.",
        "An unknown `INFERBUS_*` name is an error that suggests the nearest setting.",
        "`inferbus config show` prints what is in effect, secrets masked.",
        "",
        *_table(("setting", "value", "default", "meaning"), _top_settings()),
    ]
    for section, field in _sections():
        lines += ["", f"## {section}", "", (field.__doc__ or "").strip(), ""]
        lines += _table(("setting", "value", "default", "meaning"), _settings_of(section, field))
    return _page(lines)


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _top_settings() -> Iterator[tuple[str, ...]]:
    sections = {name for name, _ in _sections()}
    for name, field in Settings.model_fields.items():
        if name not in sections:
            yield _setting_row(f"{ENV_PREFIX}{name}", field, meanings(Settings)[name])


def _settings_of(section: str, model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield _setting_row(f"{ENV_PREFIX}{section}__{name}", field, meanings(model)[name])


@cache
def meanings(model: type[BaseModel]) -> dict[str, str]:
    """
    Return what stands below each setting in the source.

    Read here and not by pydantic: each start would read the source for a page that it does not
    write, for a twentieth of its time.
    """
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(model)).body
        if isinstance(node, ast.ClassDef)
    )
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def _setting_row(name: str, field: FieldInfo, meaning: str) -> tuple[str, ...]:
    default = "unset" if field.default is None else f"`{field.default}`"
    return f"`{name.upper()}`", _type_name(field.annotation), default, meaning


def _type_name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _type_name(next(part for part in arguments if part is not type(None)))
    return _TYPE_NAMES[annotation]


def metrics_page() -> str:
    """Return the page of metrics."""
    return _page(
        [
            "# Metrics",
            _GENERATED.format(source="`bus/runtime/metrics.py`"),
            "",
            "Every process answers `/metrics` on its admin port in Prometheus' text format.",
            "Providers and models are capped at 100 label values each; the rest counts as `other`.",
            "A series with labels begins with its first count: alert on new series as well, as",
            "[rules.yml](../deploy/observability/rules.yml) does. Beside these stand `process_*`,",
            "`python_*`, and a `_created` time for each counter and histogram.",
            "",
            *_table(("metric", "type", "labels", "meaning"), _metric_rows()),
        ]
    )


def _metric_rows() -> Iterator[tuple[str, ...]]:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            labels = ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001
            yield f"`{family.name}{suffix}`", family.type, labels, family.documentation


def topics() -> str:
    """Return the page of topics."""
    names = TopicNames()
    rows = (_topic_row(topic.suffix, names) for topic in TOPICS)
    return _page(
        [
            "# Topics",
            _GENERATED.format(source="`schemas/topics.py`"),
            "",
            "Names start with `INFERBUS_TOPICS__PREFIX`, here the default.",
            "The schema is of the values; on quarantine and deadletter, whose values are kept as",
            "they came, it is of the headers.",
            "Headers follow CloudEvents 1.0 in Kafka's binary mode: dedupe by `ce_id`.",
            "Delivery is at least once, in no promised order across topics.",
            "",
            *_table(("topic", "carries", "key", "schema", "read by"), rows),
        ]
    )


def _topic_row(suffix: str, names: TopicNames) -> tuple[str, ...]:
    topic = next(topic for topic in TOPICS if topic.suffix == suffix)
    name = names.of(suffix)
    readers = {"storage": names.stored, "alerting": names.alerted}
    read_by = ", ".join(reader for reader, read in readers.items() if name in read)
    schema = f"[{topic.schema}](../schemas/v1/{topic.schema})"
    return f"`{name}`", topic.carries, topic.key, schema, read_by or "your own consumers"


def openapi_page() -> str:
    """Return the HTTP surface for programs."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return json.dumps(openapi(version), indent=2, ensure_ascii=False) + "\n"


def kafka_page() -> str:
    """Return the page on connecting to Kafka: written by hand, but for the tables."""
    text = (ROOT / "docs" / "kafka.md").read_text(encoding="utf-8")
    rights = _table(("service", "resource", "name", "operations"), _right_rows())
    faults = _table(("fault", "line", "brought about by"), _fault_rows())
    return _filled(_filled(text, "rights", rights), "faults", faults)


def _right_rows() -> Iterator[tuple[str, ...]]:
    for service in typing.get_args(Service):
        rights = rights_of(service, TopicNames(), KafkaSettings().group_prefix)
        for resource, name in dict.fromkeys((right.resource, right.name) for right in rights):
            held = [r.operation for r in rights if (r.resource, r.name) == (resource, name)]
            yield service, resource, f"`{name}`", ", ".join(held)


def _fault_rows() -> Iterator[tuple[str, ...]]:
    for fault in FAULTS.values():
        yield f"`{fault.code}`", fault.line.replace(":g}", "}"), fault.cause


def _filled(text: str, name: str, lines: list[str]) -> str:
    """Return the text with the lines between the marks of that name."""
    head, mark, rest = text.partition(f"<!-- {name}: ")
    opening, _, tail = rest.partition("\n")
    _, end, tail = tail.partition("<!-- end -->")
    return "\n".join([head + mark + opening, *lines, end + tail])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]


def _page(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only say which are out of date."""
    stale = [path for path, text in pages().items() if _read(path) != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: python -m scripts.docs\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
