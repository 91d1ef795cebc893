"""The register of metrics: each is declared here once, with its labels and its meaning."""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Sequence
from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, Info

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BYTES = (256, 1024, 4096, 16_384, 65_536, 262_144, 524_288, 1_048_576, 4_194_304, 16_777_216)

DELIVERIES_RECEIVED = Counter(
    "inferbus_deliveries_received", "Webhook calls that reached the endpoint."
)
DELIVERIES = Counter(
    "inferbus_deliveries",
    "Webhook calls by answer: published, duplicate, spooled, quarantined or refused.",
    ["provider", "status"],
)
REFUSED = Counter("inferbus_refused", "Refused webhook calls by reason.", ["reason"])
DELIVERY_SECONDS = Histogram(
    "inferbus_delivery_seconds", "From the request's first line to the answer.", buckets=_SECONDS
)
DELIVERY_BODY_BYTES = Histogram(
    "inferbus_delivery_body_bytes", "Size of webhook bodies.", buckets=_BYTES
)
PUBLISH_SECONDS = Histogram(
    "inferbus_publish_seconds", "From hand-over to acknowledgement.", ["topic"], buckets=_SECONDS
)
PUBLISH_ERRORS = Counter(
    "inferbus_publish_errors",
    "Records that were not acknowledged, by reason: `timeout`, `topic-missing`, `refused`,"
    " `queue-full`, or `away` where Kafka is known to be and none is tried.",
    ["reason"],
)
PUBLISH_UNANSWERED_SECONDS = Gauge(
    "inferbus_publish_unanswered_seconds",
    "How long the oldest record handed to the Kafka client has been without an outcome.",
)
INFLIGHT = Gauge("inferbus_inflight", "Deliveries between their first line and their answer.")
INFLIGHT_BYTES = Gauge("inferbus_inflight_bytes", "Body bytes of the deliveries in flight.")
CONNECTIONS = Gauge("inferbus_connections", "Open connections of senders.")
CONNECTIONS_DROPPED = Counter(
    "inferbus_connections_dropped",
    "Connections we closed on a silent sender: `head-timeout` or `too-many`.",
    ["reason"],
)
BLOB_DOWNLOADS = Counter(
    "inferbus_blob_downloads", "Calls for blobs, by HTTP status or `aborted`.", ["status"]
)
SPOOL_ENTRIES = Gauge("inferbus_spool_entries", "Entries the spool holds, set aside ones included.")
SPOOL_BYTES = Gauge("inferbus_spool_bytes", "Bytes the spool takes on disk.")
SPOOL_OLDEST_SECONDS = Gauge("inferbus_spool_oldest_seconds", "Age of the spool's oldest entry.")
SPOOL_DRAINED = Counter("inferbus_spool_drained", "Records published out of the spool.")
RECORDS = Counter(
    "inferbus_records", "Records a consumer settled, by result.", ["consumer", "result"]
)
CONSUMER_LAG = Gauge(
    "inferbus_consumer_lag", "Records beyond what was settled.", ["consumer", "topic"]
)
SETTLE_SECONDS = Histogram(
    "inferbus_settle_seconds",
    "From a batch's arrival to its commit.",
    ["consumer"],
    buckets=_SECONDS,
)
DEADLETTERS = Counter("inferbus_deadletters", "Records parked, by reason.", ["reason"])
CONFLICTS = Counter("inferbus_conflicts", "Events whose id was stored with other content.")
ROWS_PRUNED = Counter("inferbus_rows_pruned", "Rows that retention has removed.", ["table"])
RECORDS_LOST = Counter(
    "inferbus_records_lost",
    "Records that the topic's retention removed before the consumer read them.",
    ["consumer", "topic"],
)
INFERENCE_RUNTIME_SECONDS = Histogram(
    "inferbus_inference_runtime_seconds",
    "Run time as the provider states it.",
    ["model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
INFERENCE_COST_USD = Counter(
    "inferbus_inference_cost_usd", "Cost as the provider states it.", ["model"]
)
ALERTS = Counter("inferbus_alerts", "Alerts by rule and state.", ["rule", "state"])
NOTIFICATIONS = Counter(
    "inferbus_notifications", "Notifications by notifier and result.", ["notifier", "result"]
)
READY = Gauge("inferbus_ready", "1 while `/readyz` answers 200, otherwise 0.")
WORKERS = Gauge("inferbus_workers", "Workers that serve; 0 where the process has none.")
WORKERS_ENDED = Counter(
    "inferbus_workers_ended",
    "Workers that ended and were replaced, by `exit` or the signal that ended them.",
    ["by"],
)
BUILD = Info("inferbus_build", "The running version.")
BUILD.info({"version": version("inferbus")})


class LabelCap:
    """
    Keep a label's values few: the first `limit` are taken as they are, the rest are `other`.

    Senders choose providers' and models' names; without a cap they could fill memory.
    """

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def __call__(self, value: str | None) -> str:
        """Return the label to use for a value; none at all counts as `unknown`."""
        if value is None:
            return "unknown"
        if value in self._seen:
            return value
        if len(self._seen) >= self._limit:
            return "other"
        self._seen.add(value)
        return value


cap_provider = LabelCap()
cap_model = LabelCap()


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe many values with one change of each bucket; one by one each costs 2 µs."""
    if not values:
        return
    bounds, buckets = histogram._upper_bounds, histogram._buckets  # noqa: SLF001 - nothing public
    histogram._sum.inc(sum(values))  # noqa: SLF001 - same
    for number, count in Tally(bisect_left(bounds, value) for value in values).items():
        buckets[number].inc(count)
