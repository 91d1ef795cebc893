"""`inferbus db`: bring the tables up to date, or verify that they are."""

from pathlib import Path
from typing import Literal

from bus.runtime.masking import mask_url
from consumers import database
from inferbus.context import command_settings
from inferbus.files import make_private_dir
from inferbus.output import complain, emit, say


def run(
    action: Literal["upgrade", "check"], *, json: bool = False, data_dir: Path | None = None
) -> int:
    """Apply the missing revisions, or return 1 where some are missing."""
    settings = command_settings(data_dir)
    url = settings.database_url
    if action == "check":
        return _report(database.check(url), url, json=json)
    make_private_dir(settings.data_dir)
    applied = database.upgrade(url)
    if json:
        emit([{"applied": revision} for revision in applied], json, ("applied",))
        return 0
    say(f"{mask_url(url)}: {', '.join(applied) if applied else 'nothing to do'}")
    return 0


def _report(problems: list[str], url: str, *, json: bool) -> int:
    if json:
        emit([{"problem": problem} for problem in problems], json, ("problem",))
        return 1 if problems else 0
    for problem in problems:
        complain(problem)
    if not problems:
        say(f"{mask_url(url)}: up to date")
    return 1 if problems else 0
