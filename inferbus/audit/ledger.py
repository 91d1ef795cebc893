"""Storage's tables, as the audit asks for them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select

from bus.deadletter import value_sha256
from consumers.database import reading
from consumers.storage import queries
from consumers.storage.content import is_same_content
from consumers.storage.tables import DEAD_LETTERS
from inferbus.audit.claims import Claim, dead_letter_keys
from inferbus.audit.compare import Books


class StoredLedger:
    """Looks claims up in the database, a batch with a few queries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def books(self, claims: Sequence[Claim]) -> Books:
        """Return what is stored under the claims' ids; batches are some hundred claims."""
        ids = sorted({claim.event_id for claim in claims if claim.event_id is not None})
        values = sorted({claim.sha256 for claim in claims if claim.event_id is None})
        found = queries.known(self._engine, ids)
        columns = DEAD_LETTERS.c
        with reading(self._engine) as connection:
            parked = {
                *_parked(connection, columns.event_id.in_(ids)),
                *(_parked(connection, columns.value_sha256.in_(values)) if values else ()),
            }
        return Books(found.events, found.conflicts, found.quarantine, frozenset(parked))

    def has_equal_content(self, claim: Claim) -> bool:
        """
        Tell whether the stored event's inline body says the same as the claim's.

        A row whose bytes do not have the hash it gives is no witness.
        """
        stored = queries.by_id(self._engine, claim.event_id or "")
        if stored is None or stored.inline is None or claim.body is None:
            return False
        is_sound = value_sha256(stored.inline) == stored.body_sha256
        return is_sound and is_same_content(stored.inline, claim.body)


def _parked(connection: Connection, where: ColumnElement[bool]) -> Iterator[tuple[str, str]]:
    columns: tuple[Any, ...] = tuple(
        DEAD_LETTERS.c[name] for name in ("consumer", "event_id", "value_sha256", "body_sha256")
    )
    for consumer, event_id, value_hash, body_hash in connection.execute(
        select(*columns).where(where)
    ):
        for key in dead_letter_keys(event_id, value_hash, body_hash):
            yield consumer, key
