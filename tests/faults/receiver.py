"""Who is told: an alert webhook on loopback that remembers what it accepted."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.faults.stored import Told


class Receiver:
    """What came, in the order it came; `answers` are the next statuses, 204 after them."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self._posts: list[dict[str, Any]] = []

    def told(self) -> list[Told]:
        """Return the firing alerts that were accepted."""
        return [
            Told(post["dedup_key"], tuple(post["samples"]))
            for post in tuple(self._posts)
            if post["state"] == "firing"
        ]

    def told_again(self) -> int:
        """Return how many posts repeated an earlier one."""
        keys = [told.dedup_key for told in self.told()]
        return len(keys) - len(set(keys))

    def take(self, body: bytes) -> int:
        """Return the status to answer with."""
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self._posts.append(json.loads(body))
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver; it accepts from the start."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
