"""Kafka behind the seams of `bus.protocols`; no other package of ours imports its client."""

from bus.kafka.bus import KafkaBus
from bus.kafka.connection import EMBEDDED, KafkaTuning

__all__ = ["EMBEDDED", "KafkaBus", "KafkaTuning"]
