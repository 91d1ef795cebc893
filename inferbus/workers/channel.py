"""What a worker and its parent tell each other: one JSON object a line, over a socket pair."""

import asyncio
import socket
from typing import Any

import orjson

# A page of metrics is some 100 KB.
_MAX_LINE_BYTES = 16 << 20


class Channel:
    """One end of the pair, on the running event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """Talk over this end from now on."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_MAX_LINE_BYTES))

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; to an end that has gone it is lost."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(message) + b"\n")

    async def hear(self) -> dict[str, Any] | None:
        """Return the next message, None once the other end has gone."""
        try:
            line = await self._reader.readline()
        except (OSError, ValueError):
            return None
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = orjson.loads(line)
        return message

    async def drain(self) -> None:
        """Return once what was told is on its way."""
        try:
            await self._writer.drain()
        except OSError:
            return

    def close(self) -> None:
        """Go."""
        self._writer.close()
