"""Commands for what is kept beside the events: quarantine, dead letters, spool and blobs."""

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


@_quarantine.command("list")
def quarantine_list(
    *,
    reason: Reason = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """List what could not be understood, newest first."""
    from inferbus.commands import quarantine as command

    return command.run(
        "list", reason=reason, since=since, limit=limit, json=json, data_dir=data_dir
    )


@_quarantine.command("show")
def quarantine_show(
    *,
    event_id: EventId = None,
    raw: Annotated[bool, typer.Option("--raw", help="The exact bytes and nothing else.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Show one, with its bytes as far as they are text."""
    from inferbus.commands import quarantine as command

    return command.run("show", event_id=event_id, raw=raw, json=json, data_dir=data_dir)


@_quarantine.command("replay")
def quarantine_replay(
    *,
    event_id: EventId = None,
    reason: Reason = None,
    every: Every = False,
    yes: Yes = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Parse them again and publish what can be understood now."""
    from inferbus.commands import quarantine as command

    return command.run(
        "replay",
        event_id=event_id,
        reason=reason,
        every=every,
        yes=yes,
        json=json,
        data_dir=data_dir,
    )


@_deadletter.command("list")
def deadletter_list(
    *,
    reason: Reason = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """List parked records, newest first."""
    from inferbus.commands import deadletter as command

    return command.run(
        "list", reason=reason, since=since, limit=limit, json=json, data_dir=data_dir
    )


@_deadletter.command("show")
def deadletter_show(
    *,
    event_id: EventId = None,
    raw: Annotated[bool, typer.Option("--raw", help="The exact bytes and nothing else.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Show one parked record."""
    from inferbus.commands import deadletter as command

    return command.run("show", event_id=event_id, raw=raw, json=json, data_dir=data_dir)


@_deadletter.command("replay")
def deadletter_replay(
    *,
    event_id: EventId = None,
    reason: Reason = None,
    every: Every = False,
    yes: Yes = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Publish parked records on their topics again."""
    from inferbus.commands import deadletter as command

    return command.run(
        "replay",
        event_id=event_id,
        reason=reason,
        every=every,
        yes=yes,
        json=json,
        data_dir=data_dir,
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
