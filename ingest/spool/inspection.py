"""What the sub-spools hold, looked at without changing anything, beside running owners too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ingest.spool.contents import DAMAGED_SUFFIX, SUFFIX, live_entries, read_damage
from ingest.spool.frames import Damage, Entry
from ingest.spool.lock import is_owned, sub_spools

State = Literal["waiting", "set aside", "damaged", "torn"]


@dataclass(frozen=True, slots=True)
class SubSpool:
    """One sub-spool, and whether a running process owns it."""

    folder: Path
    is_owned: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A live entry; `refusal` says why Kafka would not take it, None where it only waits."""

    sub_spool: SubSpool
    entry: Entry
    refusal: str | None

    @property
    def state(self) -> State:
        """Whether it is to be published."""
        return "waiting" if self.refusal is None else "set aside"


@dataclass(frozen=True, slots=True)
class DamagedBytes:
    """Bytes of a file that hold no sound entry."""

    sub_spool: SubSpool
    file: Path
    damage: Damage

    @property
    def state(self) -> State:
        """`torn` where a write was cut short: what it held was never acknowledged."""
        return "torn" if self.damage.is_torn else "damaged"


def inspected(spools: Iterable[Path]) -> list[SubSpool]:
    """Return every sub-spool there is."""
    return [SubSpool(at, is_owned(at)) for spool in spools for at in sub_spools(spool)]


def held(sub_spool: SubSpool) -> Iterator[Held]:
    """Yield the live entries, oldest first."""
    for entry, refusal in live_entries(sub_spool.folder):
        yield Held(sub_spool, entry, refusal)


def damaged(sub_spool: SubSpool) -> Iterator[DamagedBytes]:
    """
    Yield what did not check out, in files that were set aside too.

    The last bytes of an owned sub-spool may be a write under way: they are left out.
    """
    files = [at for at in sorted(sub_spool.folder.iterdir()) if at.suffix in _SUFFIXES]
    for file in files:
        for damage in read_damage(file):
            if not (damage.is_torn and sub_spool.is_owned and file == files[-1]):
                yield DamagedBytes(sub_spool, file, damage)


_SUFFIXES = (SUFFIX, DAMAGED_SUFFIX)
