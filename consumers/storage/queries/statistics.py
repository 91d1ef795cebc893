"""Counts, run time, cost and tokens, exactly summed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, case, func, null, select, type_coerce

from consumers.columns import Money, PlainText
from consumers.engines import reading
from consumers.storage.tables import EVENTS
from schemas.event import Outcome
from schemas.money import plain

_LABEL = "label:"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRow:
    """
    One group's figures; `group` None is the events without that model or label, or all.

    Run time, cost and tokens are None where no event of the group states any. `cost_usd` is
    the exact sum.
    """

    group: str | None
    events: int
    succeeded: int
    failed: int
    progress: int
    runtime_ms: int | None
    runtime_ms_avg: float | None
    runtime_ms_max: int | None
    cost_usd: Decimal | None
    tokens_input: int | None
    tokens_output: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures, money as text."""
        row = {name: getattr(self, name) for name in self.__slots__}
        row["cost_usd"] = None if self.cost_usd is None else plain(self.cost_usd)
        return row


def stats(engine: Engine, by: str | None = None, since: datetime | None = None) -> list[StatsRow]:
    """
    Return the figures of all events, or by `model`, `outcome`, `day` (UTC) or `label:KEY`.

    Sorted by group, the one without a name first. Raises ValueError for another `by`.
    """
    require_group(by)
    query = _figures(_group(by, engine.dialect.name), engine.dialect.name)
    if by is not None:
        query = query.group_by("group_name")
    if since is not None:
        query = query.where(EVENTS.c.received_at >= since)
    with reading(engine) as connection:
        rows = [_stats_row(row) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: (row.group is not None, row.group))


def require_group(by: str | None) -> None:
    """Raise ValueError unless it names what `stats` can group by."""
    is_label = by is not None and by.startswith(_LABEL) and len(by) > len(_LABEL)
    if by not in (None, "model", "outcome", "day") and not is_label:
        raise ValueError(f"cannot group by {by!r}: choose model, outcome, day or label:KEY")


def _group(by: str | None, dialect: str) -> ColumnElement[Any]:
    if by is None:
        return null()
    if by in ("model", "outcome"):
        return EVENTS.c[by]
    if by == "day":
        return _day(dialect)
    return _label_value(by.removeprefix(_LABEL), dialect)


def _day(dialect: str) -> ColumnElement[Any]:
    if dialect == "sqlite":
        return func.substr(type_coerce(EVENTS.c.received_at, PlainText), 1, 10)
    return func.to_char(func.timezone("UTC", EVENTS.c.received_at), "YYYY-MM-DD")


def _label_value(key: str, dialect: str) -> ColumnElement[Any]:
    if dialect == "sqlite":
        return func.label_value(EVENTS.c.labels, key)
    return func.jsonb_extract_path_text(EVENTS.c.labels, key)


def _figures(group: ColumnElement[Any], dialect: str) -> Select[Any]:
    columns = EVENTS.c
    add_up = func.exact_sum if dialect == "sqlite" else func.sum
    return select(
        group.label("group_name"),
        func.count().label("events"),
        *(_count(outcome) for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROGRESS)),
        func.count(columns.runtime_ms).label("timed"),
        func.max(columns.runtime_ms).label("runtime_ms_max"),
        *(
            type_coerce(add_up(columns[name]), Money).label(name)
            for name in ("runtime_ms", "cost_usd", "tokens_input", "tokens_output")
        ),
    )


def _count(outcome: Outcome) -> ColumnElement[int]:
    return func.count(case((EVENTS.c.outcome == outcome, 1))).label(outcome)


def _stats_row(row: Row[Any]) -> StatsRow:
    runtime_ms = _whole(row.runtime_ms)
    return StatsRow(
        group=row.group_name,
        events=row.events,
        succeeded=row.succeeded,
        failed=row.failed,
        progress=row.progress,
        runtime_ms=runtime_ms,
        runtime_ms_avg=None if runtime_ms is None else runtime_ms / row.timed,
        runtime_ms_max=row.runtime_ms_max,
        cost_usd=row.cost_usd,
        tokens_input=_whole(row.tokens_input),
        tokens_output=_whole(row.tokens_output),
    )


def _whole(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount)
