"""The books: what is stored, for comparison with what Kafka holds."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Engine,
    Select,
    Table,
    func,
    literal,
    select,
    union_all,
)

from consumers.engines import reading
from consumers.storage.rows import StoredDeadLetter
from consumers.storage.seen import Seen, seen_under
from consumers.storage.tables import CONFLICTS, DEAD_LETTERS, EVENTS, QUARANTINE

# Far below the number of parameters either database takes in one statement.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """
    What is stored under some ids.

    `events` and `quarantine`: event id -> body SHA-256. `conflicts`: (event id, body SHA-256).
    `parked`: (consumer, dead letter key). `seen`: (table, key) of rows that retention removed.
    """

    events: Mapping[str, str]
    conflicts: frozenset[tuple[str, str]]
    quarantine: Mapping[str, str]
    parked: frozenset[tuple[str, str]]
    seen: Mapping[tuple[str, str], Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """A body that lies in the blob store, and the row that says so."""

    table: str
    event_id: str
    body_sha256: str
    body_ref: str


def known(
    engine: Engine,
    event_ids: Collection[str],
    value_sha256s: Collection[str] = (),
    seen_keys: Collection[tuple[str, str]] = (),
) -> Known:
    """
    Return what is stored under these event ids, and parked under these values' hashes.

    `seen_keys` are looked up among what retention has removed: (table, key).
    """
    with reading(engine) as connection:
        return Known(
            events=dict(_pairs(connection, EVENTS, "event_id", "body_sha256", event_ids)),
            conflicts=frozenset(
                _pairs(connection, CONFLICTS, "event_id", "body_sha256", event_ids)
            ),
            quarantine=dict(_pairs(connection, QUARANTINE, "event_id", "body_sha256", event_ids)),
            parked=frozenset(_parked(connection, value_sha256s)),
            seen=dict(_seen(connection, seen_keys)),
        )


def references(engine: Engine) -> Iterator[Reference]:
    """Yield every reference to a blob."""
    query: CompoundSelect[Any] = union_all(
        *(_references_of(table) for table in (EVENTS, CONFLICTS, QUARANTINE))
    )
    with reading(engine) as connection:
        rows = connection.execution_options(yield_per=_PAGE).execute(query)
        yield from (Reference(*row) for row in rows)


def every_dead_letter(engine: Engine) -> Iterator[StoredDeadLetter]:
    """Yield every parked record with its value, a page at a time."""
    with reading(engine) as connection:
        rows = connection.execution_options(yield_per=_PAGE).execute(select(DEAD_LETTERS))
        for row in rows.mappings():
            yield StoredDeadLetter(**row)


def totals(engine: Engine) -> dict[str, int]:
    """Return how many rows each table has."""
    with reading(engine) as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (EVENTS, CONFLICTS, QUARANTINE, DEAD_LETTERS)
        }


def _references_of(table: Table) -> Select[Any]:
    columns = table.c
    return select(
        literal(table.name), columns.event_id, columns.body_sha256, columns.body_ref
    ).where(columns.body_ref.is_not(None))


def _parked(connection: Connection, value_sha256s: Collection[str]) -> Iterator[tuple[str, str]]:
    columns = DEAD_LETTERS.c
    for page in _pages(value_sha256s):
        query = select(columns.consumer, columns.dl_key).where(columns.value_sha256.in_(page))
        for row in connection.execute(query):
            yield row[0], row[1]


def _seen(
    connection: Connection, keys: Collection[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], Seen]]:
    for book in sorted({book for book, _ in keys}):
        for page in _pages([key for its_book, key in keys if its_book == book]):
            for key, seen in seen_under(connection, book, page).items():
                yield (book, key), seen


def _pairs(
    connection: Connection, table: Table, key: str, value: str, keys: Collection[str]
) -> Iterator[tuple[str, str]]:
    for page in _pages(keys):
        query = select(table.c[key], table.c[value]).where(table.c[key].in_(page))
        for row in connection.execute(query):
            yield row[0], row[1]


def _pages(keys: Collection[str]) -> Iterator[list[str]]:
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _PAGE):
        yield wanted[start : start + _PAGE]
