"""Commands that ask, play and check: simulate, get, list, stats, tail and the ways back."""

from typing import Annotated

import typer

from inferbus.cli_options import (
    DataDir,
    EventId,
    Every,
    Json,
    Limit,
    ModelOption,
    OutcomeOption,
    Reason,
    Since,
    Spools,
    Yes,
)

_quarantine = typer.Typer(
    help="What could not be understood, and the way back.", no_args_is_help=True
)
_deadletter = typer.Typer(
    help="Records a consumer could not handle, and the way back.", no_args_is_help=True
)

_blobs = typer.Typer(help="Bodies that lie beside Kafka and the tables.", no_args_is_help=True)


_spool = typer.Typer(help="What waits on local disk for Kafka.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("simulate")(simulate)
    app.command("get")(get)
    app.command("list")(list_events)
    app.command("stats")(stats)
    app.command("tail")(tail)
    app.add_typer(_quarantine, name="quarantine")
    app.add_typer(_deadletter, name="deadletter")
    app.add_typer(_spool, name="spool")
    app.add_typer(_blobs, name="blobs")
    app.command("audit")(audit)


def simulate(  # noqa: PLR0913 - each parameter is an option
    *,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Webhook URL, `-` reads it from stdin."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many distinct jobs.")] = 20,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="R", help="Deliveries a second; no limit unless said."),
    ] = None,
    fail_ratio: Annotated[
        float, typer.Option("--fail-ratio", min=0, max=1, help="Share of jobs that fail.")
    ] = 0.1,
    duplicates: Annotated[
        float, typer.Option("--duplicates", min=0, max=1, help="Share of jobs delivered twice.")
    ] = 0.0,
    reorder: Annotated[bool, typer.Option("--reorder", help="Deliver out of order.")] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The same number plays the same jobs.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Deliveries in flight at most.")
    ] = 16,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="Retries before a job is given up.")
    ] = 3,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Play DeepInfra: probe, every payload shape, retries; a table of what was answered."""
    from inferbus.commands import simulate as command

    return command.run(
        url=url,
        count=count,
        rate=rate,
        fail_ratio=fail_ratio,
        duplicates=duplicates,
        reorder=reorder,
        seed=seed,
        concurrency=concurrency,
        retries=retries,
        json=json,
        data_dir=data_dir,
    )


def get(
    request_id: Annotated[str, typer.Argument(help="The provider's id of the job.")],
    *,
    outcome: OutcomeOption = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="The provider's exact bytes and nothing else.")
    ] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Show what is known of one job; an unknown id exits 1."""
    from inferbus.commands import get as command

    return command.run(
        request_id=request_id, outcome=outcome, raw=raw, json=json, data_dir=data_dir
    )


def list_events(
    *,
    outcome: OutcomeOption = None,
    model: ModelOption = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """List stored events, newest first."""
    from inferbus.commands import list as command

    return command.run(
        outcome=outcome, model=model, since=since, limit=limit, json=json, data_dir=data_dir
    )


def stats(
    *,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHAT", help="model, outcome, day or label:KEY."),
    ] = None,
    since: Since = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Count events, run time and cost."""
    from inferbus.commands import stats as command

    return command.run(by=by, since=since, json=json, data_dir=data_dir)


def tail(
    *,
    outcome: OutcomeOption = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start at the oldest record Kafka holds.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", min=1, metavar="N", help="End after this many.")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Follow events on Kafka as they arrive."""
    from inferbus.commands import tail as command

    return command.run(
        outcome=outcome, from_beginning=from_beginning, count=count, json=json, data_dir=data_dir
    )


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


def audit(
    *,
    wait: Annotated[
        str,
        typer.Option("--wait", metavar="TIME", help="How long storage may take to catch up."),
    ] = "30s",
    admin_url: Annotated[
        list[str] | None,
        typer.Option(
            "--admin-url",
            metavar="URL",
            help="A process whose deliveries to compare; may be repeated [the running one].",
        ),
    ] = None,
    spool: Spools = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Check the books: what Kafka holds against what is stored; differences exit 1."""
    from inferbus.commands import audit as command

    return command.run(
        wait=wait, admin_urls=admin_url or (), spools=spool or (), json=json, data_dir=data_dir
    )
