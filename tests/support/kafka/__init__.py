"""
A real Apache Kafka for tests: started in seconds, broken on demand.

    with KafkaCluster() as kafka:
        topic = kafka.fresh_topic()
        producer = KafkaProducer(**kafka.client_settings())

    with KafkaCluster(3, ClusterOptions(session_timeout_ms=1000)) as kafka:
        kafka.kill(kafka.wait_for_leader(topic))

Needs Java 17 and, for the first run, Maven; `why_unavailable` says what is missing.
"""

from .certificates import CLIENT_KEY_PASSWORD, Certificates
from .cluster import KafkaCluster
from .disk import why_no_small_disk
from .errors import KafkaFixtureError, KafkaStartError, KafkaUnavailableError
from .jars import KAFKA_VERSION, ensure_jars, why_unavailable
from .options import ADMIN, ALICE, ClusterOptions, Listener, Login, Mechanism
from .prepare import ensure_distribution
from .security import unsigned_token

__all__ = [
    "ADMIN",
    "ALICE",
    "CLIENT_KEY_PASSWORD",
    "KAFKA_VERSION",
    "Certificates",
    "ClusterOptions",
    "KafkaCluster",
    "KafkaFixtureError",
    "KafkaStartError",
    "KafkaUnavailableError",
    "Listener",
    "Login",
    "Mechanism",
    "ensure_distribution",
    "ensure_jars",
    "unsigned_token",
    "why_no_small_disk",
    "why_unavailable",
]
