"""Which spools a command looks into: that of its settings and those that were named."""

import os
from collections.abc import Sequence
from pathlib import Path

from bus.runtime.settings import Settings
from inferbus.errors import ProblemError, WrongUsageError
from ingest.spool.lock import sub_spools


def spool_folders(settings: Settings, named: Sequence[Path]) -> list[Path]:
    """
    Return the folders, our own first, which need not be there.

    Raises `WrongUsageError` for a named one that is no spool, and `ProblemError` for one that
    cannot be read: what lies in it would be missed without a word.
    """
    for folder in named:
        _refuse_none(folder)
    folders = [settings.spool_dir, *named]
    for folder in filter(Path.exists, folders):
        _refuse_unreadable(folder)
    return folders


def _refuse_none(folder: Path) -> None:
    if not folder.is_dir():
        raise WrongUsageError(f"--spool {folder}: there is no such folder")
    is_empty = os.access(folder, os.R_OK) and not any(folder.iterdir())
    if not is_empty and os.access(folder, os.R_OK) and not sub_spools(folder):
        raise WrongUsageError(
            f"--spool {folder}: it holds no sub-spool (w0, w1, …): name the folder that is the"
            " other ingest's INFERBUS_SPOOL__DIR"
        )


def _refuse_unreadable(folder: Path) -> None:
    for at in (folder, *(sub_spools(folder) if _is_readable(folder) else ())):
        if not _is_readable(at):
            raise ProblemError(f"the spool {at} cannot be read: run this as the ingest's user")


def _is_readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)
