"""The preflight of a service at its start: one line in the log, and the service starts anyway."""

import threading

import structlog

from bus.kafka.preflight.obstacle import first_obstacle
from bus.kafka.preflight.rights import Service, rights_of
from bus.runtime.settings import Settings
from schemas.topics import TopicNames

log = structlog.get_logger()


class PreflightPart:
    """Logs the first thing that keeps a service from its work on Kafka. Never in the way."""

    name = "preflight"

    def __init__(self, service: Service, settings: Settings) -> None:
        self._kafka = settings.kafka
        names = TopicNames(settings.topics.prefix)
        self._rights = rights_of(service, names, settings.kafka.group_prefix)
        self._thread = threading.Thread(target=self._check, name=self.name, daemon=True)

    async def start(self) -> None:
        """Begin to look; return at once."""
        self._thread.start()

    async def stop(self) -> None:
        """Do nothing: a look takes seconds and holds nothing."""

    def _check(self) -> None:
        for problem in first_obstacle(self._kafka, self._rights):
            log.warning("kafka_problem", code=problem.code, reason=problem.message)
