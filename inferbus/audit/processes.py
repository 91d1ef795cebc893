"""The books of a running process: what came in against what was answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from inferbus.audit.compare import Difference

_RECEIVED = "inferbus_deliveries_received_total"
_ANSWERED = "inferbus_deliveries_total"
_INFLIGHT = "inferbus_inflight"


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Counters of one process since its start; `answered` is by status."""

    received: int = 0
    inflight: int = 0
    answered: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_balanced(self) -> bool:
        """Every delivery was answered once or is in flight."""
        return self.received == sum(self.answered.values()) + self.inflight


def read_metrics(text: str) -> Deliveries:
    """Read a `/metrics` page; raises ValueError where it is none."""
    received = inflight = 0.0
    answered: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == _RECEIVED:
                received += sample.value
            elif sample.name == _INFLIGHT:
                inflight += sample.value
            elif sample.name == _ANSWERED:
                status = sample.labels.get("status", "")
                answered[status] = answered.get(status, 0) + int(sample.value)
    return Deliveries(int(received), int(inflight), dict(sorted(answered.items())))


def unbalanced(name: str, deliveries: Deliveries) -> Difference:
    """Say that a process' deliveries do not add up."""
    return Difference(
        "deliveries",
        f"{name} received {deliveries.received}, answered"
        f" {sum(deliveries.answered.values())}, has {deliveries.inflight} in flight",
    )
