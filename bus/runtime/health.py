"""Health: `/livez`, `/readyz` and `/metrics` on the admin port."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bus.runtime.metrics import READY


@dataclass(frozen=True, slots=True)
class Check:
    """
    One check's answer: `reason` says in one line what is wrong, None when nothing is.

    A degraded check is named but leaves the process ready.
    """

    reason: str | None = None
    is_degraded: bool = False

    @property
    def status(self) -> str:
        """`ok`, `degraded` or `failing`."""
        if self.reason is None:
            return "ok"
        return "degraded" if self.is_degraded else "failing"


class Health:
    """The named checks of one process. Checks answer at once: they read state, they ask nobody."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], Check]] = {}

    def register(self, name: str, check: Callable[[], Check]) -> None:
        """Add a check under its name."""
        self._checks[name] = check

    def report(self) -> tuple[bool, dict[str, dict[str, str | None]]]:
        """Return whether the process is ready, and each check's status and reason."""
        answers = {name: check() for name, check in self._checks.items()}
        is_ready = all(answer.status != "failing" for answer in answers.values())
        return is_ready, {
            name: {"status": answer.status, "reason": answer.reason}
            for name, answer in answers.items()
        }


class Reports(Protocol):
    """Who answers for a service's health: one process for itself, or a parent for its workers."""

    def report(self) -> tuple[bool, Mapping[str, Mapping[str, object]]]:
        """Return whether it is ready, and each check's status and reason."""
        ...


async def own_metrics() -> bytes:
    """Return this process' metrics as a page."""
    return generate_latest()


def admin_app(
    health: Reports, expose: Callable[[], Awaitable[bytes]] = own_metrics
) -> web.Application:
    """Return the app of the admin port; `expose` gives the page of metrics."""
    READY.set_function(lambda: float(health.report()[0]))

    async def livez(_request: web.Request) -> web.Response:
        return _json({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        is_ready, checks = health.report()
        body = {"status": "ready" if is_ready else "unready", "checks": checks}
        return _json(body, status=200 if is_ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await expose(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def unnamed(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)  # it would name the versions that run here

    app = web.Application()
    app.on_response_prepare.append(unnamed)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
