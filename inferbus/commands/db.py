"""`inferbus db`: bring the tables up to date, or verify that they are."""

from pathlib import Path
from typing import Literal

from bus.runtime.masking import mask_url
from consumers import database
from inferbus.context import command_settings
from inferbus.files import make_private_dir
from inferbus.output import emit, report_problems, say


def run(
    action: Literal["upgrade", "check"], *, json: bool = False, data_dir: Path | None = None
) -> int:
    """Apply the missing revisions, or return 1 where some are missing."""
    settings = command_settings(data_dir)
    url = settings.database_url
    if action == "check":
        fine = f"{mask_url(url)}: up to date"
        return report_problems(database.check(url), json, otherwise=fine)
    make_private_dir(settings.data_dir)
    applied = database.upgrade(url)
    if json:
        emit([{"applied": revision} for revision in applied], json, ("applied",))
        return 0
    say(f"{mask_url(url)}: {', '.join(applied) if applied else 'nothing to do'}")
    return 0
