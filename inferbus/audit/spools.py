"""What waits in spools: acknowledged, durable on disk, and not on Kafka yet."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferbus.audit.compare import Difference
from inferbus.spool.rows import entry_row
from ingest.spool import inspection

# Where a cluster was away for an hour, the first thousand tell enough.
MAX_LISTED = 1000


@dataclass(slots=True)
class SpoolContents:
    """How many entries wait, how many were set aside, the first of them, and what is damaged."""

    waiting: int = 0
    set_aside: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    damaged: list[Difference] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the figures and the listed entries."""
        return {"waiting": self.waiting, "set_aside": self.set_aside, "entries": self.entries}


def spool_contents(folders: Iterable[Path]) -> SpoolContents:
    """Look into every sub-spool, beside its owner; a torn tail was never acknowledged."""
    contents = SpoolContents()
    for sub_spool in inspection.inspected(folders):
        for held in inspection.held(sub_spool):
            _note(contents, held)
        contents.damaged += [
            _difference(damaged)
            for damaged in inspection.damaged(sub_spool)
            if not damaged.damage.is_torn
        ]
    return contents


def _note(contents: SpoolContents, held: inspection.Held) -> None:
    if held.refusal is None:
        contents.waiting += 1
    else:
        contents.set_aside += 1
    if len(contents.entries) < MAX_LISTED:
        contents.entries.append(entry_row(held))


def _difference(damaged: inspection.DamagedBytes) -> Difference:
    return Difference(
        "spool",
        f"{damaged.file} at {damaged.damage.offset}: {damaged.damage.size} bytes hold no sound"
        " entry; remove the file once its deliveries are accounted for",
    )
