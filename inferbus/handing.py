"""Handing an object to a process of our own that was just started, over its socket."""

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


def hand(end: socket.socket, content: object) -> None:
    """Send it; raises OSError where the process has gone."""
    raw = pickle.dumps(content)
    end.sendall(_LENGTH.pack(len(raw)) + raw)


def handed(end: socket.socket) -> Any:
    """Return what the parent sends; raises `EOFError` where it has gone."""
    (size,) = _LENGTH.unpack(_exactly(end, _LENGTH.size))
    return pickle.loads(_exactly(end, size))  # noqa: S301 - our own parent made it


def _exactly(end: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = end.recv(size - len(content))
        if not part:
            raise EOFError("the parent has gone")
        content += part
    return content
