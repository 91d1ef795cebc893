"""
Large reads from the sockets of brokers.

kafka-python reads 4 KiB at a time: a fetch of 16 MiB is 4,000 calls, and at each the interpreter's
lock is left and waited for while other threads work.
"""

import ssl
from typing import Any

from kafka.errors import KafkaConnectionError

_READ_BYTES = 64 << 10
# Then what came is put where it belongs, so that no response lies in memory twice. With TLS each
# read takes a record of 16 KiB whole, so nothing decrypted waits unseen.
_READS = 16
_NOTHING_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def read_in_large_pieces(manager: Any) -> None:
    """Make a client's connections read 64 KiB at a time."""
    build = manager._build_transport  # noqa: SLF001 - the client has no such option

    async def build_reading_more(*args: Any, **options: Any) -> Any:
        transport = await build(*args, **options)
        transport._sock_recv = lambda: received(transport._sock)  # noqa: SLF001 - same
        return transport

    manager._build_transport = build_reading_more  # noqa: SLF001 - same


def received(sock: Any) -> tuple[bytes, Exception | None]:
    """Return what a socket holds, and what is wrong with it, in the way of the client's own."""
    pieces: list[bytes] = []
    error = None
    try:
        for _ in range(_READS):
            pieces.append(sock.recv(_READ_BYTES))
            if not pieces[-1]:
                error = KafkaConnectionError("socket disconnected")
                break
    except _NOTHING_YET:
        pass
    except Exception as raised:  # noqa: BLE001 - whatever it is ends the connection
        error = KafkaConnectionError(raised)
    return b"".join(pieces), error
