"""
The baseline of every HTTP figure: aiohttp with nothing behind it.

    python -m benchmarks.servers.bare PORT [PROCESSES]

The same route, the same body read, an answer of the same size; processes share the port.
"""

import os
import signal
import sys

from aiohttp import web

ANSWER = (
    b'{"status":"published","durability":"kafka","events":[{"event_id":"deepinfra:'
    b'R00000000000000000000000:succeeded","outcome":"succeeded","topic":"inference.succeeded",'
    b'"partition":3,"offset":41}]}'
)


async def _receive(incoming: web.Request) -> web.Response:
    await incoming.read()
    return web.Response(body=ANSWER, content_type="application/json")


async def _ready(incoming: web.Request) -> web.Response:
    del incoming
    return web.Response()


def _app() -> web.Application:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/webhooks/{provider}/{credential}", _receive)
    app.router.add_get("/readyz", _ready)
    return app


def main(port: int, processes: int) -> None:
    """Serve until ended; further processes are children that end with this one."""
    children = []
    for _ in range(processes - 1):
        child = os.fork()
        if not child:
            break
        children.append(child)
    web.run_app(
        _app(), host="127.0.0.1", port=port, access_log=None, print=None, reuse_port=processes > 1
    )
    for child in children:
        os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)  # noqa: PLR2004
