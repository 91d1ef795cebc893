"""One keep-alive connection: sends without blocking, gathers an answer."""

import select
import socket
from collections.abc import Callable

from benchmarks.load.answers import complete

_READ_BYTES = 65_536
_READABLE = select.EPOLLIN
_BOTH = select.EPOLLIN | select.EPOLLOUT


class Connection:
    """A socket in an epoll set; connects anew when the server has closed it."""

    def __init__(
        self, port: int, epoll: select.epoll, opened: Callable[["Connection"], None]
    ) -> None:
        self.due = 0.0
        self._port = port
        self._epoll = epoll
        self._opened = opened
        self._unsent = memoryview(b"")
        self._data = b""
        self.connect()

    @property
    def fd(self) -> int:
        """The socket's file descriptor; another one after a reconnection."""
        return self._socket.fileno()

    def connect(self) -> None:
        """Open the socket."""
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._epoll.register(self.fd, _READABLE)
        self._opened(self)

    def close(self) -> None:
        """Close the socket."""
        self._epoll.unregister(self.fd)
        self._socket.close()

    def send(self, parts: list[bytes], due: float) -> None:
        """Send one delivery, which was due at that moment."""
        self.due = due
        self._data = b""
        try:
            sent = self._socket.sendmsg(parts)
        except BlockingIOError:
            sent = 0
        if sent < sum(map(len, parts)):
            self._unsent = memoryview(b"".join(parts))[sent:]
            self._epoll.modify(self.fd, _BOTH)

    def flush(self) -> None:
        """Send what the socket's buffer had no room for."""
        if not self._unsent:
            return
        self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if not self._unsent:
            self._epoll.modify(self.fd, _READABLE)

    def receive(self) -> bytes | None:
        """Return the answer once it is whole; raises ConnectionError where the server hung up."""
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        self._data += data
        return self._data if complete(self._data) else None
