"""Waiting until nothing is under way any more: no lag, no spooled entry."""

import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

Ask = Callable[[], str | None]
"""Says what is still under way, None where nothing is."""

_PAUSE_S = 0.1
_LOOKS = 2


class NotDrainedError(AssertionError):
    """Something is still under way after all patience."""


def wait_drained(asks: Iterable[Ask], timeout_s: float) -> float:
    """
    Return after how many seconds nobody had anything under way, twice in a row.

    Raises `NotDrainedError` with what is left.
    """
    everyone = list(asks)
    started, calm_since, calm = time.monotonic(), 0.0, 0
    left: list[str] = []
    while time.monotonic() - started < timeout_s:
        left = [said for ask in everyone if (said := ask()) is not None]
        calm = 0 if left else calm + 1
        calm_since = time.monotonic() if calm == 1 else calm_since
        if calm == _LOOKS:
            return calm_since - started
        time.sleep(_PAUSE_S)
    raise NotDrainedError(f"after {timeout_s:g} s: {'; '.join(left)}")


class Patience:
    """Lasts as long as less and less is left, but not for ever."""

    def __init__(self, without_progress_s: float, at_most_s: float) -> None:
        self._without_progress_s = without_progress_s
        self._ends_at = time.monotonic() + at_most_s
        self._progress_at = time.monotonic()
        self._least: int | None = None

    def lasts(self, left: int) -> bool:
        """Tell whether to go on waiting, now that so much is left."""
        now = time.monotonic()
        if self._least is None or left < self._least:
            self._least, self._progress_at = left, now
        return now < self._ends_at and now < self._progress_at + self._without_progress_s


class Lag:
    """Asks Kafka how many records the groups have not committed."""

    def __init__(self, bootstrap_servers: str, groups: Sequence[str], prefix: str) -> None:
        self._servers = bootstrap_servers.split(",")
        self._groups = groups
        self._prefix = prefix

    def __call__(self) -> str | None:
        """See `Ask`."""
        try:
            behind = self.records()
        except (KafkaError, OSError) as error:
            return f"Kafka: {error}"
        left = {group: lag for group, lag in behind.items() if lag}
        return f"lag {left}" if left else None

    def records(self) -> dict[str, int]:
        """Return the records each group has yet to commit. Raises KafkaError."""
        admin = KafkaAdminClient(
            bootstrap_servers=self._servers,
            bootstrap_timeout_ms=3000,
            request_timeout_ms=3000,
            reconnect_backoff_max_ms=500,
        )
        try:
            return {group: self._behind(admin, group) for group in self._groups}
        finally:
            admin.close()

    def _behind(self, admin: KafkaAdminClient, group: str) -> int:
        alerting = group.endswith("-alerting")
        partitions = [p for p in self._partitions(admin) if not alerting or _is_alerted(p.topic)]
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, -1))
        committed = admin.list_group_offsets(group).get(group, {})
        return sum(
            max(0, end.offset - (committed[p].offset if p in committed else 0))
            for p, end in ends.items()
        )

    def _partitions(self, admin: KafkaAdminClient) -> list[TopicPartition]:
        names = [name for name in admin.list_topics() if name.startswith(f"{self._prefix}.")]
        read = [name for name in names if not name.endswith(".alerts")]
        return [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in admin.describe_topics(read)
            for partition in topic["partitions"]
        ]


def _is_alerted(topic: str) -> bool:
    return not topic.endswith(".progress")


def metric(admin_url: str, name: str) -> float | None:
    """Return the sum of a metric's samples, None where the process does not answer or lacks it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{admin_url}/metrics", timeout=3) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    values = [
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith(name) and line[len(name)] in " {"
    ]
    return sum(values) if values else None


def spool_empty(admin_url: str, set_aside: int = 0) -> Ask:
    """Ask an ingest whether its spool holds entries beside those that Kafka has refused."""

    def ask() -> str | None:
        if metric(admin_url, "inferbus_deliveries_received_total") is None:
            return "ingest does not answer"
        held = (metric(admin_url, "inferbus_spool_entries") or 0) - set_aside
        return f"{held:.0f} spooled entries" if held > 0 else None

    return ask
