"""The connections to the brokers: kafka-python's own, driven by the publisher's one thread."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka import errors
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from bus.errors import RecordRefusedError
from bus.kafka.direct.lane import Batch
from bus.kafka.direct.leaders import Leaders, leaders_of
from bus.kafka.direct.requests import Answer, answer_of, produce_request
from bus.kafka.errors import reason, unavailable

# A broker that waits for its followers says so itself before we close the connection.
_GRACE = 1.2


class Wire(Protocol):
    """Connections to one cluster. Used from one thread, but for `wake`."""

    @property
    def is_connected(self) -> bool:
        """Whether the cluster has told its brokers; raises `BusUnavailableError` where not."""
        ...

    @property
    def leaders(self) -> Leaders:
        """What the cluster told last; another object after each time it told."""
        ...

    def ask(self, topic: str | None = None) -> None:
        """Ask for the leaders again, soon; of this topic too. Raises `RecordRefusedError`."""
        ...

    def forget(self, topic: str) -> None:
        """Ask for a topic's leaders no more."""
        ...

    def is_ready(self, node: int) -> bool:
        """Tell whether a request would go at once; begin to connect where there is no way."""
        ...

    def send(self, node: int, batches: Sequence[Batch]) -> None:
        """Send a request; its answer comes by `poll`."""
        ...

    def poll(self, timeout_s: float) -> list[Answer]:
        """Let the connections work, up to the timeout; return the answers that came."""
        ...

    def wake(self) -> None:
        """Let a `poll` return. From any thread."""
        ...

    def close(self) -> None:
        """Disconnect; requests in flight get no answer."""
        ...


class NoWire:
    """Leads nowhere: what there is while no connection can even be begun."""

    is_connected = False
    leaders = Leaders()

    def ask(self, topic: str | None = None) -> None:
        """See `Wire`. It will be asked for when there is a wire."""

    def forget(self, topic: str) -> None:
        """See `Wire`."""

    def is_ready(self, node: int) -> bool:
        """See `Wire`."""
        del node
        return False

    def send(self, node: int, batches: Sequence[Batch]) -> None:
        """See `Wire`."""
        raise AssertionError(f"no broker {node} is ready for {len(batches)} batches")

    def poll(self, timeout_s: float) -> list[Answer]:
        """See `Wire`."""
        del timeout_s
        return []

    def wake(self) -> None:
        """See `Wire`."""

    def close(self) -> None:
        """See `Wire`."""


class KafkaWire:
    """kafka-python 3.0.12's connection layer, without its producer."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._timeout_ms: int = options["request_timeout_ms"]
        self._net = NetworkSelector(slow_task_threshold_secs=0, **options)
        self._manager = KafkaConnectionManager(self._net, **_manager_options(options))
        cluster = self._manager.cluster
        # The manager passes this one on to nobody; left alone, asking makes topics.
        cluster.config["allow_auto_create_topics"] = False
        cluster.add_listener(self._told)
        self.leaders = Leaders()
        self._answers: list[Answer] = []
        self._bootstrap = self._manager.bootstrap_async(options["bootstrap_timeout_ms"])

    @property
    def is_connected(self) -> bool:
        """See `Wire`."""
        if self._bootstrap.failed():
            error = self._bootstrap.exception
            raise unavailable(error, "connecting to Kafka") from error
        return bool(self._bootstrap.is_done)

    def ask(self, topic: str | None = None) -> None:
        """See `Wire`. kafka-python asks at most ten times a second."""
        cluster = self._manager.cluster
        try:
            if topic is not None:
                cluster.add_topic(topic)
        except (ValueError, TypeError) as error:
            raise RecordRefusedError(str(error)) from error
        cluster.request_update()

    def forget(self, topic: str) -> None:
        """See `Wire`. While a missing topic is on its list, kafka-python asks without end."""
        self._manager.cluster._topics.discard(topic)  # noqa: SLF001 - set_topics() only adds

    def is_ready(self, node: int) -> bool:
        """See `Wire`. A connection is paused while the broker throttles us."""
        try:
            connection = self._manager.get_connection(node)
        except errors.NodeNotReadyError:  # tried a moment ago
            return False
        except errors.UnknownBrokerIdError:
            self.ask()
            return False
        except errors.KafkaError as error:
            # A login that failed is remembered for good: only another manager tries again.
            raise unavailable(error, "connecting to Kafka") from error
        return connection.connected and not connection.paused

    def send(self, node: int, batches: Sequence[Batch]) -> None:
        """See `Wire`."""
        request = produce_request(batches, self._timeout_ms)
        connection = self._manager.get_connection(node)
        future = connection.send_request(request, round(self._timeout_ms * _GRACE))
        future.add_callback(lambda response: self._answers.append(answer_of(node, response)))
        future.add_errback(lambda error: self._answers.append(Answer(node, None, reason(error))))

    def poll(self, timeout_s: float) -> list[Answer]:
        """See `Wire`."""
        self._net.poll(0 if self._answers else timeout_s * 1000)
        answers, self._answers = self._answers, []
        return answers

    def wake(self) -> None:
        """See `Wire`."""
        self._net.wakeup()

    def close(self) -> None:
        """See `Wire`."""
        with contextlib.suppress(errors.KafkaError, OSError, RuntimeError):
            self._manager.close()
        with contextlib.suppress(errors.KafkaError, OSError, RuntimeError):
            self._net.close()

    def _told(self, cluster: Any) -> None:
        topics = {
            topic: {number: each.leader_id for number, each in partitions.items()}
            for topic, partitions in cluster._partitions.items()  # noqa: SLF001 - else a set a call
        }
        self.leaders = leaders_of(topics, frozenset(cluster.unauthorized_topics))


def _manager_options(options: Mapping[str, Any]) -> dict[str, Any]:
    setup_ms = options["request_timeout_ms"]
    return {
        **options,
        # A connection that opens but stays silent is given up as soon as a request would be.
        "socket_connection_setup_timeout_ms": setup_ms,
        "socket_connection_setup_timeout_max_ms": setup_ms,
        # The answer about a cluster of ten thousand partitions exceeds the default of 1 MB.
        "receive_message_max_bytes": 100_000_000,
        # One produce request at a time is our own rule; metadata must get past it.
        "max_in_flight_requests_per_connection": 5,
    }


def connect(options: Mapping[str, Any]) -> KafkaWire:
    """Begin to connect; raises `BusUnavailableError` where an option is of no use."""
    try:
        return KafkaWire(options)
    except (errors.KafkaError, OSError) as error:
        raise unavailable(error, "connecting to Kafka") from error
