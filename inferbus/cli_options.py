"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

# No envvar= here: the settings read INFERBUS_DATA_DIR themselves, from every source.
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Where inferbus keeps its data [INFERBUS_DATA_DIR, .inferbus].",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it; without, say what would be done.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Not older than this: 30m, 2h, 7d or RFC 3339 time."
    ),
]
OutcomeOption = Annotated[
    str | None,
    typer.Option(
        "--outcome", metavar="OUTCOME", help="succeeded, failed, progress or quarantined."
    ),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Only this model's.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most this many.")]
EventId = Annotated[
    str | None, typer.Option("--id", metavar="EVENT_ID", help="Only the one with this id.")
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="Only those of this reason.")
]
Every = Annotated[bool, typer.Option("--all", help="Every one of them.")]
Spools = Annotated[
    list[Path] | None,
    typer.Option(
        "--spool", metavar="DIR", help="The spool of another replica to look into; may be repeated."
    ),
]
