"""
The command line: what it is called, and how every command ends.

Commands import what they need inside their function, so that `--help` answers at once.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from bus.runtime.memory import collect_seldom
from bus.runtime.plainly import log_plainly
from inferbus import cli_kept, cli_questions, cli_services
from inferbus.errors import ProblemError, WrongUsageError
from inferbus.output import complain

app = typer.Typer(
    name="inferbus",
    help="The endpoint for inference webhooks: durable on Kafka, exactly once in storage,"
    " told when it fails.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # importing rich would cost --help 0.3 s
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli_services.register(app)
cli_questions.register(app)
cli_kept.register(app)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        from importlib.metadata import version

        typer.echo(f"inferbus {version('inferbus')}")
        raise typer.Exit


@app.callback()
def _inferbus(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    del version


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a problem, 2 wrong usage or configuration."""
    collect_seldom()
    log_plainly()
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: Sequence[str]) -> int:
    """Run one command and return its exit status; what went wrong is one line on stderr."""
    return guarded(lambda: app(list(args), prog_name="inferbus", standalone_mode=False))


def guarded(command: Callable[[], Any]) -> int:
    """Call a command, turn what it raises into a line on stderr and an exit status."""
    try:
        status = command()
        sys.stdout.flush()
    except typer.TyperException as error:
        return _show_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130  # 128 + SIGINT: cut short, as shells know it
    except BrokenPipeError:
        return _leave_pipe()
    except Exception as error:  # noqa: BLE001 - the last stop: every error ends in one line
        return _explain(error)
    return status if isinstance(status, int) else 0


def _show_usage(error: typer.TyperException) -> int:
    message, context = error.format_message(), getattr(error, "ctx", None)
    if context is not None and message == context.get_help():
        typer.echo(f"{message}\n")  # called without a command: whoever types that wants to know
        message = "Missing command."
    called = context.command_path if context is not None else "inferbus"
    complain(f"{message} (see `{called} --help`)")
    return 2


def _leave_pipe() -> int:
    # The reader has gone (`| head`); the interpreter must not complain when it flushes.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _explain(error: Exception) -> int:
    if os.environ.get("INFERBUS_LOG__LEVEL", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    from inferbus.explain import explain

    line, status = explain(error)
    complain(line)
    return status


__all__ = ["ProblemError", "WrongUsageError", "app", "guarded", "main", "run"]
