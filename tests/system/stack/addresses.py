"""What the stack's tests talk to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Ingest's base URL, Kafka's bootstrap servers, and the key that signs URLs."""

    ingest: str
    kafka: str
    signing_key: str
