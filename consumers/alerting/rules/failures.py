"""Failed jobs, counted per provider and model."""

from dataclasses import dataclass

from consumers.alerting.rules.base import Group, Observable, group, rule_hash
from consumers.alerting.windows import Window
from schemas.event import InferenceEvent, Outcome

FIVE_MINUTES = Window(length_s=300, bucket_s=30)


@dataclass(frozen=True, slots=True)
class Failures:
    """
    Alert when at least `threshold` jobs of one provider and model failed within a window.

    The threshold is 1 by default, so the first failure is told at once. What follows within
    the same period raises the count of that alert and tells nobody until it is resolved.
    """

    name: str = "failures"
    severity: str = "warning"
    window: Window = FIVE_MINUTES
    threshold: int = 1

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise ValueError("a threshold under 1 would alert on silence: use 1 or more")

    @property
    def hash(self) -> str:
        """Over the window and the threshold; the severity may change without a new count."""
        return rule_hash(
            kind="failures",
            length_s=self.window.length_s,
            bucket_s=self.window.bucket_s,
            threshold=self.threshold,
        )

    def observe(self, event: Observable) -> Group | None:
        """Count failed, canceled and expired jobs: all that ended without a result."""
        if not isinstance(event, InferenceEvent) or event.outcome is not Outcome.FAILED:
            return None
        return group(provider=event.provider, model=event.model)

    def summarize(self, group: Group, value: int) -> str:
        """Return e.g. `3 failed jobs of deepinfra, model bge-m3, within 5 min`."""
        jobs = "1 failed job" if value == 1 else f"{value} failed jobs"
        return f"{jobs} of {group['provider']}, model {group['model']}, within {self._span()}"

    def _span(self) -> str:
        minutes, seconds = divmod(self.window.length_s, 60)
        return f"{self.window.length_s} s" if seconds else f"{minutes} min"
