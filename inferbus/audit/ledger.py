"""Storage's tables, as the audit asks for them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from bus.deadletter import value_sha256
from consumers.storage import queries
from consumers.storage.content import is_same_content
from inferbus.audit.claims import Claim
from inferbus.audit.pruned import seen_keys


class StoredLedger:
    """Looks claims up in the database, a batch with a few queries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def books(self, claims: Sequence[Claim]) -> queries.Known:
        """Return what is stored under the claims' ids and values."""
        ids = {claim.event_id for claim in claims if claim.event_id is not None}
        values = {claim.value_sha256 for claim in claims}
        return queries.known(
            self._engine, ids, values, {key for c in claims for key in seen_keys(c)}
        )

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
