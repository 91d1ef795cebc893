"""What an error means to the person at the terminal: one line, and the exit status."""

import errno
import re
import sys

from inferbus.errors import WrongUsageError

# Whatever our own rooms raise is written for the person at the terminal.
_OUR_ROOMS = frozenset({"schemas", "bus", "ingest", "consumers", "inferbus"})

_ELSEWHERE = "name another with --data-dir or INFERBUS_STORAGE__URL"
# What a database says, and what to do about it; the first that fits.
_DATABASE_ADVICE = (
    ("no such table|relation .* does not exist", "run `inferbus db upgrade` first"),
    ("no such column|column .* does not exist|already exists", f"it is not ours: {_ELSEWHERE}"),
    ("(database|role) .* does not exist", "create it, or correct INFERBUS_STORAGE__URL"),
    ("not a database", _ELSEWHERE),
    ("unable to open|readonly", f"look at the rights on its file and folder, or {_ELSEWHERE}"),
    ("disk is full|No space left", "make room there, then try again"),
    ("database is locked", "another process writes to it: try again"),
    ("permission denied|authentication failed", "correct the login in INFERBUS_STORAGE__URL"),
    ("connect|resolve host|timeout", "start it, or correct INFERBUS_STORAGE__URL"),
)
_OS_ADVICE = {
    errno.EACCES: "run this as its owner, or choose another place with --data-dir",
    errno.EPERM: "run this as its owner, or choose another place with --data-dir",
    errno.EROFS: "choose a place that can be written to with --data-dir",
    errno.ENOENT: "correct the path",
    errno.ENOTDIR: "it is no directory: choose one with --data-dir",
    errno.EEXIST: "something else is there: choose another place with --data-dir",
    errno.ENOSPC: "make room on that disk, or choose another place with --data-dir",
    errno.EDQUOT: "make room on that disk, or choose another place with --data-dir",
}


def explain(error: Exception) -> tuple[str, int]:
    """Return (one line without secrets, exit status 1 or 2)."""
    from bus.runtime.masking import mask_url

    line, status = _explain(error)
    return mask_url(line), status


def _explain(error: Exception) -> tuple[str, int]:
    from bus.runtime.settings_names import SettingsError
    from inferbus.workers.errors import WorkerFailedError
    from schemas.callback import CallbackError

    if isinstance(error, WorkerFailedError):
        return str(error), error.status
    if isinstance(error, SettingsError | WrongUsageError | CallbackError):
        return str(error), 2
    if type(error).__module__.partition(".")[0] in _OUR_ROOMS:
        return str(error) or type(error).__name__, 1
    if _is_database_error(error):
        return f"database: {_database_cause(error)}", 1
    if isinstance(error, OSError):
        return _os_cause(error), 1
    return f"unexpected {_first_line(error)} (INFERBUS_LOG__LEVEL=debug shows where)", 1


def _is_database_error(error: Exception) -> bool:
    # Whoever raised it has imported it: looking costs no import.
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    return sqlalchemy is not None and isinstance(error, sqlalchemy.DBAPIError)


def _database_cause(error: Exception) -> str:
    cause = _first_line_of(getattr(error, "orig", None) or error)
    advice = next((what for sign, what in _DATABASE_ADVICE if re.search(sign, cause)), None)
    return f"{cause}; {advice}" if advice else cause


def _os_cause(error: OSError) -> str:
    advice = _OS_ADVICE.get(error.errno or 0)
    what = error.strerror or str(error) or type(error).__name__
    at = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return f"{at}{what}; {advice}" if advice else f"{at}{what}"


def _first_line(error: Exception) -> str:
    name, text = type(error).__name__, _first_line_of(error)
    return f"{name}: {text}" if text else name


def _first_line_of(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")
