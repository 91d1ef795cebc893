"""Whether every reference leads to the bytes that its hash names."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from bus.blobs import BlobMissingError, BlobStore
from inferbus.blobs.references import Referred

Found = Literal["sound", "missing", "damaged"]
# Where a store has lost everything, the first thousand tell enough.
MAX_PROBLEMS = 1000


@dataclass(slots=True)
class BlobCheck:
    """The figures so far; each blob is read once, however many refer to it."""

    references: int = 0
    size: int = 0
    found: dict[str, Found] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0

    def take(
        self, references: Iterable[Referred], store: BlobStore, advance: Callable[[int], None]
    ) -> None:
        """Follow these references. Raises `BlobStoreError` where the store cannot be read."""
        for referred in references:
            self.references += 1
            found = self.found.get(referred.sha256) or self._read(referred.sha256, store)
            if found != "sound":
                self._note(found, referred)
            advance(1)

    def summary(self) -> dict[str, Any]:
        """Return everything as one JSON-ready object."""
        counts = list(self.found.values())
        return {
            "is_sound": not self.problem_count,
            "references": self.references,
            "blobs": len(self.found),
            "bytes": self.size,
            "missing": counts.count("missing"),
            "damaged": counts.count("damaged"),
            "problems": self.problems,
        }

    def _read(self, sha256: str, store: BlobStore) -> Found:
        digest = hashlib.sha256()
        try:
            for piece in store.open(sha256).pieces:
                digest.update(piece)
                self.size += len(piece)
        except BlobMissingError:
            found: Found = "missing"
        else:
            found = "sound" if digest.hexdigest() == sha256 else "damaged"
        self.found[sha256] = found
        return found

    def _note(self, found: Found, referred: Referred) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                {
                    "problem": found,
                    "sha256": referred.sha256,
                    "where": referred.where,
                    "event_id": referred.event_id,
                }
            )
