"""What an error means to the person at the terminal: one line, and the exit status."""

import sys

from inferbus.errors import WrongUsageError

# Whatever our own rooms raise is written for the person at the terminal.
_OUR_ROOMS = frozenset({"schemas", "bus", "ingest", "consumers", "inferbus"})


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
        return f"the database does not answer: {_database_cause(error)}", 1
    if isinstance(error, OSError):
        return str(error), 1
    return f"unexpected {_first_line(error)} (INFERBUS_LOG__LEVEL=debug shows where)", 1


def _is_database_error(error: Exception) -> bool:
    # Whoever raised it has imported it: looking costs no import.
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    return sqlalchemy is not None and isinstance(error, sqlalchemy.DBAPIError)


def _database_cause(error: Exception) -> str:
    cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
    if "no such table" in cause or "does not exist" in cause:
        return f"{cause}; run `inferbus db upgrade` first"
    return cause


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
