from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import pytest

from ostiary.config.scalars import Endpoint
from ostiary.observe import families
from ostiary.observe.snapshot import Snapshot
from ostiary.serve.admin import Admin
from ostiary.serve.health import Health, Workers
from ostiary.serve.messages import IssuerHealth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Fixed:
    """A gateway in a state of the test's choice."""

    def __init__(self, *, live: bool = True, ready: bool = True) -> None:
        issuers = {"main": IssuerHealth(ready, 1, float("inf"), False, 0, "")}
        self._health = Health(live, ready, False, Workers(2, 2, 0), issuers, True)

    def health(self) -> Health:
        return self._health

    async def metrics(self) -> Snapshot:
        return Snapshot({families.BUGS.name: {("proxy",): 3}})


@asynccontextmanager
async def asking(source: Fixed) -> AsyncIterator[aiohttp.ClientSession]:
    admin = Admin(Endpoint("127.0.0.1", 0), source)
    await admin.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{admin.port}") as session:
            yield session
    finally:
        await admin.close()


@pytest.mark.parametrize("live, ready", [(True, True), (True, False), (False, False)])
async def test_health_is_told_by_status_and_body(*, live: bool, ready: bool) -> None:
    async with asking(Fixed(live=live, ready=ready)) as session:
        for path, good in ("/health/live", live), ("/health/ready", ready):
            async with session.get(path) as answer:
                assert answer.status == (200 if good else 503)
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Server"] == "ostiary"
                body = msgspec.json.decode(await answer.read())
                assert (body["live"], body["ready"]) == (live, ready)
                assert body["issuers"]["main"]["age"] is None  # never loaded: JSON has no infinity


async def test_metrics_in_the_format_that_is_asked_for() -> None:
    async with asking(Fixed()) as session:
        async with session.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert b'ostiary_bugs_total{where="proxy"} 3.0\n' in await answer.read()
        async with session.get("/metrics", headers={"Accept": "application/openmetrics-text"}) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.read()).endswith(b"# EOF\n")


async def test_nothing_else_is_there() -> None:
    async with asking(Fixed()) as session:
        async with session.get("/") as answer:
            assert answer.status == 404
        async with session.post("/metrics", data=b"x") as answer:
            assert answer.status == 405


async def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        admin = Admin(Endpoint("127.0.0.1", owner.getsockname()[1]), Fixed())
        with pytest.raises(OSError, match="in use"):
            await admin.start()
        await admin.close()
