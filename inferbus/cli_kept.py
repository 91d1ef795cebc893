"""Commands for what is kept beside the events: quarantine, dead letters, spool and blobs."""

from collections.abc import Callable
from typing import Annotated

import typer

from inferbus.cli_options import DataDir, EventId, Every, Json, Limit, Reason, Since, Spools, Yes

_quarantine = typer.Typer(
    help="What could not be understood, and the way back.", no_args_is_help=True
)
_deadletter = typer.Typer(
    help="Records a consumer could not handle, and the way back.", no_args_is_help=True
)
_spool = typer.Typer(help="What waits on local disk for Kafka.", no_args_is_help=True)
_blobs = typer.Typer(help="Bodies that lie beside Kafka and the tables.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.add_typer(_quarantine, name="quarantine")
    app.add_typer(_deadletter, name="deadletter")
    app.add_typer(_spool, name="spool")
    app.add_typer(_blobs, name="blobs")


def _add_ways_back(
    group: typer.Typer,
    load: Callable[[], Callable[..., int]],
    *,
    lists: str,
    shows: str,
    replays: str,
) -> None:
    """Add list, show and replay, each with its help; `load` imports what they call."""

    @group.command("list", help=lists)
    def list_kept(
        *,
        reason: Reason = None,
        since: Since = None,
        limit: Limit = 50,
        json: Json = False,
        data_dir: DataDir = None,
    ) -> int:
        return load()("list", reason=reason, since=since, limit=limit, json=json, data_dir=data_dir)

    @group.command("show", help=shows)
    def show(
        *,
        event_id: EventId = None,
        raw: Annotated[
            bool, typer.Option("--raw", help="The exact bytes and nothing else.")
        ] = False,
        json: Json = False,
        data_dir: DataDir = None,
    ) -> int:
        return load()("show", event_id=event_id, raw=raw, json=json, data_dir=data_dir)

    @group.command("replay", help=replays)
    def replay(
        *,
        event_id: EventId = None,
        reason: Reason = None,
        every: Every = False,
        yes: Yes = False,
        json: Json = False,
        data_dir: DataDir = None,
    ) -> int:
        choice = {"event_id": event_id, "reason": reason, "every": every}
        return load()("replay", **choice, yes=yes, json=json, data_dir=data_dir)


def _quarantine_run() -> Callable[..., int]:
    from inferbus.commands import quarantine

    return quarantine.run


def _deadletter_run() -> Callable[..., int]:
    from inferbus.commands import deadletter

    return deadletter.run


_add_ways_back(
    _quarantine,
    _quarantine_run,
    lists="List what could not be understood, newest first.",
    shows="Show one, with its bytes as far as they are text.",
    replays="Parse them again and publish what can be understood now.",
)
_add_ways_back(
    _deadletter,
    _deadletter_run,
    lists="List parked records, newest first.",
    shows="Show one parked record.",
    replays="Publish parked records on their topics again.",
)


@_spool.command("list")
def spool_list(
    *, spool: Spools = None, limit: Limit = 50, json: Json = False, data_dir: DataDir = None
) -> int:
    """List what waits, was set aside or is damaged, beside a running ingest too."""
    from inferbus.commands import spool as command

    return command.show(spools=spool or (), limit=limit, json=json, data_dir=data_dir)


@_spool.command("drain")
def spool_drain(
    *,
    spool: Spools = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Those too that Kafka has refused before.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Publish what no running ingest owns; a running one drains by itself."""
    from inferbus.commands import spool as command

    return command.drain(
        spools=spool or (), set_aside=set_aside, yes=yes, json=json, data_dir=data_dir
    )


@_blobs.command("check")
def blobs_check(
    *,
    tables_only: Annotated[
        bool, typer.Option("--tables-only", help="Ask neither Kafka nor spools.")
    ] = False,
    spool: Spools = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Read every blob that something refers to; a missing or altered one exits 1."""
    from inferbus.commands import blobs as command

    return command.check(tables_only=tables_only, spools=spool or (), json=json, data_dir=data_dir)


@_blobs.command("sweep")
def blobs_sweep(
    *, spool: Spools = None, yes: Yes = False, json: Json = False, data_dir: DataDir = None
) -> int:
    """Move blobs older than a day that nothing refers to into the trash."""
    from inferbus.commands import blobs as command

    return command.sweep_unreferenced(yes=yes, spools=spool or (), json=json, data_dir=data_dir)
