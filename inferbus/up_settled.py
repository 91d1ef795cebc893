"""From the consumers' threads to the spool: which records each of them has settled."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bus.records import Fingerprint, ReceivedRecord
from ingest.spool.releases import BySettlement, Release
from schemas.topics import TopicNames

# What the consumers call themselves; importing them here would slow the start.
_STORAGE, _ALERTING = "storage", "alerting"
_PARKED_BY = "inferbus_dl_consumer"


class Settlements:
    """
    Makes the spool's releases wait for the built-in consumers.

    A record that a consumer has parked counts as settled by it once storage has stored the
    dead letter: until then only the broker's memory holds it.
    """

    def __init__(self, topics: TopicNames) -> None:
        self._topics = topics
        self._loop = asyncio.get_running_loop()
        self._releases: BySettlement | None = None

    def make_releases(self, release: Release) -> BySettlement:
        """Return the releases that this object tells of settled records."""
        self._releases = BySettlement(release, self.consumers_of)
        return self._releases

    def consumers_of(self, topic: str) -> set[str]:
        """Return who reads the topic."""
        readers = {_STORAGE: self._topics.stored, _ALERTING: self._topics.alerted}
        return {consumer for consumer, topics in readers.items() if topic in topics}

    def handled(self, consumer: str, batch: Sequence[ReceivedRecord]) -> None:
        """Take note of a batch that a consumer has made durable. From its thread."""
        settled = self._settled(consumer, batch)
        self._loop.call_soon_threadsafe(self._tell, settled)

    def _settled(
        self, consumer: str, batch: Iterable[ReceivedRecord]
    ) -> dict[str, list[Fingerprint]]:
        settled: dict[str, list[Fingerprint]] = defaultdict(list)
        for record in batch:
            if record.topic != self._topics.of("deadletter"):
                settled[consumer].append(record.fingerprint)
            elif consumer == _STORAGE and (by := record.header(_PARKED_BY)):
                settled[by].append(record.fingerprint)
        return settled

    def _tell(self, settled: dict[str, list[Fingerprint]]) -> None:
        if self._releases is not None:
            for consumer, fingerprints in settled.items():
                self._releases.settled(consumer, fingerprints)
