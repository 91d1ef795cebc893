"""What a spool holds, as rows for output."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.spool.inspection import DamagedBytes, Held, SubSpool

DRAIN_COLUMNS = ["spool", "event_id", "topic", "result", "problem"]


def spool_row(at: SubSpool) -> dict[str, Any]:
    """Return one sub-spool and whether an ingest that runs looks after it."""
    return {"spool": str(at.folder), "owner": "running" if at.is_owned else "none"}


def entry_row(held: Held) -> dict[str, Any]:
    """Return one live entry; `reason` says why Kafka refused it."""
    entry = held.entry
    return {
        **spool_row(held.sub_spool),
        "state": held.state,
        "since": datetime.fromtimestamp(entry.appended_at, UTC),
        "event_id": entry.event_id,
        "topic": entry.topic,
        "bytes": len(entry.value),
        "reason": held.refusal,
    }


def damage_row(damaged: DamagedBytes) -> dict[str, Any]:
    """Return one damaged place, in the columns of entries."""
    at = damaged.damage.offset
    what = "writing was cut short" if damaged.damage.is_torn else "no sound entry"
    return {
        **spool_row(damaged.sub_spool),
        "state": damaged.state,
        "since": None,
        "event_id": None,
        "topic": None,
        "bytes": damaged.damage.size,
        "reason": f"{damaged.file.name} at {at}: {what}",
    }


def drain_row(folder: Path, event_id: str, topic: str, result: str) -> dict[str, Any]:
    """Return what became of an entry, or would."""
    return {"spool": str(folder), "event_id": event_id, "topic": topic, "result": result}
