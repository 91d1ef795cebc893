"""When an entry may be released: what proves that it need not be published again."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from bus.records import Fingerprint, Record
from ingest.spool.spool import Ref

Release = Callable[[Ref], None]


class Releases(Protocol):
    """Decides when entries are released."""

    def sending(self, ref: Ref, record: Record) -> None:
        """The record of this entry is about to be published."""
        ...

    def acknowledged(self, ref: Ref) -> None:
        """Kafka has acknowledged it."""
        ...

    def refused(self, record: Record) -> None:
        """Kafka refuses the record for good: nobody will settle it."""
        ...

    def has_room(self) -> bool:
        """Tell whether more may be published now."""
        ...

    def unsettled(self) -> list[Ref]:
        """Return the entries that were published and not released."""
        ...


class ByAcknowledgement:
    """With a Kafka that keeps what it has acknowledged, the acknowledgement releases."""

    def __init__(self, release: Release) -> None:
        self._release = release

    def sending(self, ref: Ref, record: Record) -> None:
        """Nothing is noted."""

    def acknowledged(self, ref: Ref) -> None:
        """Release it."""
        self._release(ref)

    def refused(self, record: Record) -> None:
        """Nothing was noted."""

    def has_room(self) -> bool:
        """Kafka keeps as much as there is."""
        return True

    def unsettled(self) -> list[Ref]:
        """None: what is published is released."""
        return []


@dataclass(slots=True)
class _Awaited:
    refs: set[Ref]
    missing: set[str]
    size: int


# A broker that keeps everything in memory is given no more than this beyond what its
# consumers have settled; the rest waits in the spool.
MAX_UNSETTLED_BYTES = 32 << 20


class BySettlement:
    """
    With a broker that forgets, only its consumers release: once each of them has settled the
    very record, told apart by its fingerprint.
    """

    def __init__(
        self,
        release: Release,
        consumers_of: Callable[[str], Collection[str]],
        max_unsettled_bytes: int = MAX_UNSETTLED_BYTES,
    ) -> None:
        """`consumers_of` names the consumers that read a topic."""
        self._release = release
        self._consumers_of = consumers_of
        self._max_unsettled_bytes = max_unsettled_bytes
        self._awaited: dict[Fingerprint, _Awaited] = {}
        self._bytes = 0

    def sending(self, ref: Ref, record: Record) -> None:
        """Wait for the consumers of its topic, from before they can see it."""
        awaited = self._awaited.get(record.fingerprint)
        if awaited is not None:
            awaited.refs.add(ref)
            return
        missing = set(self._consumers_of(record.topic))
        self._awaited[record.fingerprint] = _Awaited({ref}, missing, record.size)
        self._bytes += record.size

    def acknowledged(self, ref: Ref) -> None:
        """Prove nothing: a broker that dies takes it along."""

    def refused(self, record: Record) -> None:
        """Wait for nobody."""
        awaited = self._awaited.pop(record.fingerprint, None)
        self._bytes -= 0 if awaited is None else awaited.size

    def settled(self, consumer: str, fingerprints: Iterable[Fingerprint]) -> None:
        """Release what no other consumer is to settle."""
        for fingerprint in fingerprints:
            awaited = self._awaited.get(fingerprint)
            if awaited is None:
                continue
            awaited.missing.discard(consumer)
            if not awaited.missing:
                self._forget(fingerprint, awaited)

    def has_room(self) -> bool:
        """Tell whether consumers are near enough for more to be published."""
        return self._bytes < self._max_unsettled_bytes

    def unsettled(self) -> list[Ref]:
        """Return what was published and is not settled by all, oldest first."""
        return sorted({ref for awaited in self._awaited.values() for ref in awaited.refs})

    def _forget(self, fingerprint: Fingerprint, awaited: _Awaited) -> None:
        del self._awaited[fingerprint]
        self._bytes -= awaited.size
        for ref in awaited.refs:
            self._release(ref)
