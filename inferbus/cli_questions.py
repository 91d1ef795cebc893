"""Commands that play, ask and check: simulate, get, list, stats, tail and audit."""

from typing import Annotated

import typer

from inferbus.cli_options import (
    DataDir,
    Json,
    Limit,
    ModelOption,
    OutcomeOption,
    Since,
    Spools,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("simulate")(simulate)
    app.command("get")(get)
    app.command("list")(list_events)
    app.command("stats")(stats)
    app.command("tail")(tail)
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
