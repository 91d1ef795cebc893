"""Opening a client so that a failure leaves nothing behind."""

import contextlib
from collections.abc import Callable
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from bus.kafka.errors import unavailable
from bus.kafka.receiving import read_in_large_pieces


def open_client(make: Callable[..., Any], options: dict[str, Any]) -> Any:
    """
    Return the connected client; raises `BusUnavailableError` where it cannot be made.

    A constructor of kafka-python 3.0.12 that fails leaves its network thread and sockets
    behind; with a retry every few seconds that would fill a process within hours.
    """
    opened: list[Any] = []

    def network(**config: Any) -> Any:
        client = KafkaNetClient(**config)
        opened.append(client)
        read_in_large_pieces(client._manager)  # noqa: SLF001 - it has no such option
        return client

    try:
        return make(kafka_client=network, **options)
    except BaseException as error:
        for client in opened:
            _end(client)
        if isinstance(error, KafkaError | OSError):
            raise unavailable(error, "connecting to Kafka") from error
        raise


def _end(client: Any) -> None:
    with contextlib.suppress(KafkaError, OSError, RuntimeError):
        client.close()
