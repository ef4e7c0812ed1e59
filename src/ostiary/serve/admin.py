"""The administrative listener: health and metrics, in the supervisor, apart from the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from aiohttp import web

from ostiary.observe.exposition import render

if TYPE_CHECKING:
    from ostiary.config.scalars import Endpoint
    from ostiary.observe.snapshot import Snapshot
    from ostiary.serve.health import Health

_SHUTDOWN_SECONDS: Final = 1.0


class Source(Protocol):
    """Where the answers come from."""

    def health(self) -> Health:
        """How the gateway is now."""

    async def metrics(self) -> Snapshot:
        """Everything that was counted, over all workers."""


class Admin:
    """Serves `/health/live`, `/health/ready` and `/metrics` on `endpoint`, to GET and HEAD."""

    def __init__(self, endpoint: Endpoint, source: Source) -> None:
        self._endpoint = endpoint
        self._source = source
        app = web.Application(client_max_size=1)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.on_response_prepare.append(_plain_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    @property
    def port(self) -> int:
        """The port that the listener is bound to."""
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Listen. Raises OSError if the endpoint cannot be bound."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._endpoint.host, self._endpoint.port, reuse_port=False).start()

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _live(self, _request: web.Request) -> web.Response:
        health = self._source.health()
        return _answer(health, good=health.live)

    async def _ready(self, _request: web.Request) -> web.Response:
        health = self._source.health()
        return _answer(health, good=health.ready)

    async def _metrics(self, request: web.Request) -> web.Response:
        snapshot = await self._source.metrics()
        body, content_type = render(snapshot, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _answer(health: Health, *, good: bool) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(health) + b"\n", status=200 if good else 503, content_type="application/json"
    )


async def _plain_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "ostiary"
