"""Small servers on 127.0.0.1 that are not Kafka."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

Talk = Callable[[socket.socket], None]


@contextmanager
def loopback_server(
    talk: Talk, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[str]:
    """Let `talk` speak with each connection until it returns; gives host:port."""
    with ExitStack() as undo:
        listener = undo.enter_context(socket.create_server(("127.0.0.1", port)))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed
                    return
                threading.Thread(target=_speak, args=(connection, talk, context)).start()

        threading.Thread(target=serve, daemon=True).start()
        # A blocked accept does not notice a mere close.
        undo.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _speak(connection: socket.socket, talk: Talk, context: ssl.SSLContext | None) -> None:
    with connection:
        connection.settimeout(10)
        try:
            if context is None:
                talk(connection)
            else:
                with context.wrap_socket(connection, server_side=True) as secure:
                    talk(secure)
        except OSError:  # the client has had enough
            return


def hang_up(connection: socket.socket) -> None:
    """Close without a word."""
    connection.recv(1)


def say_nothing(connection: socket.socket) -> None:
    """Listen until the client goes."""
    while connection.recv(65_536):
        pass


def speak_http(connection: socket.socket) -> None:
    """Answer as a web server does, which waits for the end of a request."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        chunk = connection.recv(65_536)
        if not chunk:
            return
        heard += chunk
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def speak_smtp(connection: socket.socket) -> None:
    """Speak first, in another protocol."""
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.recv(65_536)


def greet_and_hang_up(connection: socket.socket) -> None:
    """Answer Kafka's ApiVersions request as a broker does, and close on whatever follows."""
    connection.recv(65_536)
    known = [(18, 0, 0), (3, 0, 9), (17, 0, 1)]  # ApiVersions, Metadata, SaslHandshake
    keys = b"".join(struct.pack(">hhh", *versions) for versions in known)
    answer = struct.pack(">ihi", 1, 0, len(known)) + keys
    connection.sendall(struct.pack(">i", len(answer)) + answer)
    connection.recv(65_536)


@contextmanager
def full_listener() -> Iterator[str]:
    """Give an address whose connections are never taken: its queue is full."""
    with ExitStack() as undo:
        listener = undo.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = undo.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"
