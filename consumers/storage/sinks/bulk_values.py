"""An event's row as a driver takes it."""

from operator import itemgetter
from typing import Any

from consumers.columns import PlainText, plain_text
from consumers.storage.sinks.mapping import Values
from consumers.storage.tables import EVENTS

COLUMNS = [column.name for column in EVENTS.columns]
_TEXTS = [at for at, column in enumerate(EVENTS.columns) if isinstance(column.type, PlainText)]
_in_order = itemgetter(*COLUMNS)
_texts_of = itemgetter(*_TEXTS)


def plain_values(row: Values) -> list[Any]:
    """Return the row's values in the order of the columns, each text as databases can keep it."""
    values = list(_in_order(row))
    # One look at all texts together: 0.8 µs a row; thirteen looks take 2.
    joined = "".join(filter(None, _texts_of(values)))
    if not joined.isascii() or "\x00" in joined:
        for at in _TEXTS:
            if values[at] is not None:
                values[at] = plain_text(values[at])
    return values
