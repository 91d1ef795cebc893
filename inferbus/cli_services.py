"""Commands that run, prepare and look after the services."""

from typing import Annotated

import typer

from inferbus.cli_options import DataDir, Json

_topics = typer.Typer(help="Create or verify the topics.", no_args_is_help=True)
_db = typer.Typer(help="Create or verify the tables.", no_args_is_help=True)
_config = typer.Typer(help="Show or check the settings.", no_args_is_help=True)
_url = typer.Typer(help="Make and read signed callback URLs.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("up")(up)
    app.command("ingest")(ingest)
    app.command("storage")(storage)
    app.command("alerting")(alerting)
    app.add_typer(_topics, name="topics")
    app.add_typer(_db, name="db")
    app.add_typer(_config, name="config")
    app.command("health")(health)
    app.add_typer(_url, name="url")


def up(
    *,
    host: Annotated[
        str | None, typer.Option("--host", help="Where the webhook endpoint listens [127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Its port, 0 takes a free one [8080]."),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option("--admin-port", min=0, max=65535, help="Port of health and metrics [8081]."),
    ] = None,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            "--bootstrap-servers", metavar="H:P,…", help="Your Kafka; without, one is started."
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help="How providers reach the endpoint."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="When ready, one line with up.json's content.")
    ] = False,
    data_dir: DataDir = None,
) -> int:
    """Run everything in one go: broker, topics, database, ingest, storage, alerting."""
    from inferbus.commands import up as command

    return command.run(
        host=host,
        port=port,
        admin_port=admin_port,
        bootstrap_servers=bootstrap_servers,
        public_url=public_url,
        json=json,
        data_dir=data_dir,
    )


def ingest(
    *,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, max=256, metavar="N", help="Processes that share the endpoint [1]."
        ),
    ] = None,
    data_dir: DataDir = None,
) -> int:
    """Run the webhook endpoint alone, configured by the environment."""
    from inferbus.commands import services as command

    return command.run("ingest", workers=workers, data_dir=data_dir)


def storage(*, data_dir: DataDir = None) -> int:
    """Run the storage consumer alone, configured by the environment."""
    from inferbus.commands import services as command

    return command.run("storage", data_dir=data_dir)


def alerting(*, data_dir: DataDir = None) -> int:
    """Run the alerting consumer alone, configured by the environment."""
    from inferbus.commands import services as command

    return command.run("alerting", data_dir=data_dir)


@_topics.command("create")
def topics_create(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Create the topics that are missing."""
    from inferbus.commands import topics as command

    return command.run("create", json=json, data_dir=data_dir)


@_topics.command("check")
def topics_check(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Verify the topics; a difference exits 1."""
    from inferbus.commands import topics as command

    return command.run("check", json=json, data_dir=data_dir)


@_db.command("upgrade")
def db_upgrade(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Bring the tables up to date."""
    from inferbus.commands import db as command

    return command.run("upgrade", json=json, data_dir=data_dir)


@_db.command("check")
def db_check(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Verify that the tables are up to date; exits 1 where they are not."""
    from inferbus.commands import db as command

    return command.run("check", json=json, data_dir=data_dir)


@_config.command("show")
def config_show(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Show every setting with its value and source, secrets masked."""
    from inferbus.commands import config as command

    return command.run("show", json=json, data_dir=data_dir)


@_config.command("check")
def config_check(*, json: Json = False, data_dir: DataDir = None) -> int:
    """Check that the settings can be used together."""
    from inferbus.commands import config as command

    return command.run("check", json=json, data_dir=data_dir)


def health(
    *,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Admin URL; the running `up` unless said."),
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Ask a readiness endpoint; exits 0 where it is ready."""
    from inferbus.commands import health as command

    return command.run(url=url, json=json, data_dir=data_dir)


@_url.command("mint")
def url_mint(
    *,
    provider: Annotated[str, typer.Option("--provider", metavar="P", help="Who will post to it.")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="The model the job runs on.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="A label of the job; may be repeated."),
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="J", help="Your id of the job.")
    ] = None,
    expires_in: Annotated[
        str, typer.Option("--expires-in", metavar="TIME", help="30m, 12h, 7d or never.")
    ] = "7d",
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="How providers reach the endpoint."),
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Make a signed callback URL that carries model, labels and job."""
    from inferbus.commands import url as command

    return command.mint(
        provider=provider,
        model=model,
        labels=label or [],
        job=job,
        expires_in=expires_in,
        base_url=base_url,
        json=json,
        data_dir=data_dir,
    )


@_url.command("inspect")
def url_inspect(
    url: Annotated[str, typer.Argument(metavar="URL", help="`-` reads it from stdin.")],
    *,
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Say what a callback URL carries, when it ends and whether a key of ours signed it."""
    from inferbus.commands import url as command

    return command.inspect(url, json=json, data_dir=data_dir)
