"""What `quarantine replay` and `deadletter replay` have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from bus.protocols import Bus
from inferbus.errors import WrongUsageError
from inferbus.output import emit, emit_json, progress, say
from inferbus.replay import Replayable, Replayed, Step, publish_steps, told

_COLUMNS = ["id", "result", "events", "topics", "problem"]
_Row = TypeVar("_Row", bound=Replayable)


def require_choice(event_id: str | None, reason: str | None, *, every: bool) -> None:
    """Raise `WrongUsageError` unless it was said what is meant, in one way."""
    if sum((event_id is not None, reason is not None, every)) != 1:
        raise WrongUsageError("say what is meant: --id EVENT_ID, --reason REASON or --all")


def replay(
    steps: Iterable[Step[_Row]],
    total: int,
    connect: Callable[[], Bus],
    mark: Callable[[Sequence[_Row]], None],
    *,
    yes: bool,
    json: bool,
) -> int:
    """Publish the steps, or say what would be published; 1 where a row has to stay."""
    if not total:
        say("nothing to replay")
        return 0
    with progress() as bar:
        task = bar.add_task("replay", total=total)
        done = _published(steps, connect(), mark) if yes else map(_imagined, steps)
        rows = []
        for result in done:
            bar.advance(task)
            rows.append(told(result, is_done=yes))
            if json:
                emit_json(rows[-1])
    if not json:
        emit(rows, False, _COLUMNS)
    kept = sum(row["problem"] is not None for row in rows)
    say(_summary(len(rows) - kept, kept, yes=yes))
    return 1 if kept else 0


def _published(
    steps: Iterable[Step[_Row]], bus: Bus, mark: Callable[[Sequence[_Row]], None]
) -> Iterator[Replayed[_Row]]:
    publisher = bus.publisher("replay")
    try:
        yield from publish_steps(steps, publisher, mark)
    finally:
        publisher.close()


def _imagined(step: Step[Any]) -> Replayed[Any]:
    return Replayed(step, problem=step.problem)


def _summary(moved: int, kept: int, *, yes: bool) -> str:
    if yes:
        return f"{moved} replayed, {kept} kept"
    return f"{moved} would be replayed, {kept} kept; --yes does it"
