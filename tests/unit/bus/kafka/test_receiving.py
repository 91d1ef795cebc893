"""Large reads hand over what the client's own small ones would."""

import ssl
from types import SimpleNamespace
from typing import Any

from kafka.errors import KafkaConnectionError

from bus.kafka.receiving import read_in_large_pieces, received


class Socket:
    """Gives out pieces, and raises what is none."""

    def __init__(self, *coming: bytes | BaseException) -> None:
        self._coming = list(coming)
        self.asked: list[int] = []

    def recv(self, most: int) -> bytes:
        self.asked.append(most)
        piece = self._coming.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        return piece


def test_all_that_has_come_is_read_in_large_pieces() -> None:
    """Plain sockets and TLS say in words of their own that nothing more is there."""
    for nothing in (BlockingIOError(), ssl.SSLWantReadError()):
        socket = Socket(b"ab", b"c", nothing)

        assert received(socket) == (b"abc", None)
        assert min(socket.asked) > 4096


def test_a_closed_connection_is_an_error_beside_what_came_before() -> None:
    """As is any other failure; the client ends the connection then."""
    data, error = received(Socket(b"ab", b""))
    broken, reset = received(Socket(b"ab", ConnectionResetError("gone")))

    assert (data, broken) == (b"ab", b"ab")
    assert isinstance(error, KafkaConnectionError)
    assert "socket disconnected" in str(error)
    assert isinstance(reset, KafkaConnectionError)
    assert "gone" in str(reset)


def test_a_sender_without_end_does_not_keep_what_came_from_being_read() -> None:
    """What came is put where it belongs before more is taken."""
    pieces = [b"x"] * 1000

    data, error = received(Socket(*pieces))

    assert 0 < len(data) < len(pieces)
    assert error is None


async def test_the_clients_connections_read_so() -> None:
    """Whichever transport it builds, and with the socket that this has by then."""
    transport = SimpleNamespace(_sock=None, _sock_recv=None)
    given: list[Any] = []

    async def build(node: str, timeout_at: float | None = None) -> Any:
        given.append((node, timeout_at))
        return transport

    manager = SimpleNamespace(_build_transport=build)
    read_in_large_pieces(manager)

    built = await manager._build_transport("node", timeout_at=1.0)
    built._sock = Socket(b"abc", BlockingIOError())

    assert built._sock_recv() == (b"abc", None)
    assert given == [("node", 1.0)]
