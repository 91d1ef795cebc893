"""What an error of the database says of a batch."""

from sqlalchemy import exc

from bus.errors import Poison, Transient
from consumers.engines import error_line

UNSTORABLE = "unstorable"
# PostgreSQL's class of exceeded limits, such as a key too long for its index: psycopg calls it
# operational, but no waiting helps.
_PROGRAM_LIMIT = "54"


def verdict_of(error: exc.StatementError | exc.TimeoutError) -> Poison | Transient:
    """
    Return `Poison` where a value cannot be stored, otherwise `Transient`.

    A missing table or right is transient: the data are sound, and someone can mend it.
    """
    if isinstance(error, exc.TimeoutError):
        return Transient("database: no connection is free")
    if not isinstance(error, exc.DBAPIError):
        return Poison(UNSTORABLE, str(error.orig))
    if _is_about_values(error):
        return Poison(UNSTORABLE, error_line(error))
    return Transient(f"database: {error_line(error)}")


def _is_about_values(error: exc.DBAPIError) -> bool:
    if isinstance(error, exc.DataError | exc.IntegrityError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return bool(state.startswith(_PROGRAM_LIMIT))
