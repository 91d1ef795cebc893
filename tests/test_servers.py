"""The choice of the servers that tests run against."""

from collections.abc import Callable
from contextlib import nullcontext

from tests.support.servers import Source, choose


def _source(name: str, missing: str | None = None) -> Callable[[], Source]:
    return lambda: Source(name, missing, lambda: nullcontext(name))


def test_the_first_that_can_be_had_is_taken() -> None:
    """The line says why the earlier ones were not; later ones are of no interest."""
    looked_at: list[str] = []

    def last() -> Source:
        looked_at.append("last")
        return Source("last", None, lambda: nullcontext("last"))

    chosen = choose([_source("named", "no option"), _source("container"), last])

    assert chosen.line("none") == "container (no option)"
    assert looked_at == []


def test_where_nothing_can_be_had_every_reason_is_said() -> None:
    """So that one knows what to install."""
    chosen = choose([_source("container", "no engine"), _source("jars", "no java")])

    assert chosen.source is None
    assert chosen.line("skipped") == "skipped (no engine; no java)"


def test_what_is_named_needs_no_reason() -> None:
    assert choose([_source("kafka:9092")]).line("none") == "kafka:9092"
