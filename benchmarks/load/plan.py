"""What the load generator is told, and what it tells."""

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    One run. Without `rate` each connection sends as soon as it is answered (closed loop).

    With a rate, deliveries are due at constant intervals whatever the answers do (open loop),
    and a latency begins when its delivery was due: what waits for a free connection waits
    visibly. `bodies` are weights by name, see `bodies.body`.
    """

    ports: list[int]
    path: str
    bodies: dict[str, int]
    connections: int
    seconds: float
    rate: float | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of it.

    `seconds` ends with the last answer. `acknowledged` are answers 2xx, `spooled` those of
    them that the spool vouches for; `unsent` were due and found no free connection.
    """

    seconds: float
    answers: dict[str, int]
    spooled: int
    unsent: int
    cut: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float

    @property
    def acknowledged(self) -> int:
        """Answers that promise that the delivery is durable."""
        return sum(count for status, count in self.answers.items() if status.startswith("2"))

    @property
    def refused(self) -> int:
        """Every other answer."""
        return sum(self.answers.values()) - self.acknowledged

    @property
    def per_second(self) -> float:
        """Acknowledged deliveries a second."""
        return self.acknowledged / self.seconds
