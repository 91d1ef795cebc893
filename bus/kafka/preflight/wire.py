"""Requests and answers on a connected socket, one at a time, in Kafka's protocol."""

import socket
import struct
from typing import Any, Self

from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.parser import KafkaProtocol

from bus.kafka.preflight.deadline import Deadline

_CLIENT_ID = "inferbus-preflight"
# The length of an answer; what other protocols say first, read as one, lies far above.
_MOST_BYTES = 16_000_000


class HungUpError(Exception):
    """The other end closed the connection instead of answering."""


class StrangerError(Exception):
    """What came back is no Kafka answer; `opening` is how it begins."""

    def __init__(self, opening: bytes) -> None:
        super().__init__("no Kafka answer")
        self.opening = opening


class UnsupportedRequestError(Exception):
    """The broker does not know this kind of request."""


class Conversation:
    """
    Asks one thing at a time. Use as a context manager, which closes the socket.

    Every question raises `TimeoutError` after `answer_s`, `HungUpError` where the connection
    ends, `StrangerError` where the answer is not Kafka's, `ssl.SSLError` for a TLS alert.
    """

    def __init__(self, sock: socket.socket, answer_s: float) -> None:
        self._sock = sock
        self._answer_s = answer_s
        self._protocol = KafkaProtocol(client_id=_CLIENT_ID)
        self._versions: dict[int, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def greet(self) -> None:
        """Learn which requests the broker knows; it answers this before any login."""
        answer = self._exchange(ApiVersionsRequest(version=0))
        self._versions = {
            known.api_key: (known.min_version, known.max_version) for known in answer.api_keys
        }

    def ask(self, request: Any, most: int | None = None) -> Any:
        """Return the answer, in the newest version that both ends know and `most` allows."""
        oldest, newest = self._versions.get(request.API_KEY, (0, -1))
        version = min(newest, request.max_version if most is None else most)
        if version < oldest:
            raise UnsupportedRequestError(request.name)
        request.API_VERSION = version
        return self._exchange(request)

    def _exchange(self, request: Any) -> Any:
        deadline = Deadline(self._answer_s)
        self._protocol.send_request(request)
        try:
            self._sock.settimeout(deadline.left_s())
            self._sock.sendall(self._protocol.send_bytes())
            frame = self._receive_frame(deadline)
        except (ConnectionError, BrokenPipeError) as error:
            raise HungUpError from error
        try:
            ((_, answer),) = self._protocol.receive_bytes(frame)
        except Exception as error:
            # The client's decoder raises whatever the bytes make it stumble over.
            raise StrangerError(frame) from error
        return answer

    def _receive_frame(self, deadline: Deadline) -> bytes:
        head = self._receive(4, deadline)
        (size,) = struct.unpack(">i", head)
        if not 0 < size <= _MOST_BYTES:
            raise StrangerError(head)
        return head + self._receive(size, deadline)

    def _receive(self, count: int, deadline: Deadline) -> bytes:
        received = b""
        while len(received) < count:
            self._sock.settimeout(deadline.left_s())
            chunk = self._sock.recv(min(65_536, count - len(received)))
            if not chunk:
                raise HungUpError
            received += chunk
        return received
