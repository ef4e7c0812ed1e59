from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

import pytest

from tests.support.recording import recording_upstream
from tests.support.upstreams import pool, refusing
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "url, where",
    [
        ("http://api.example", ("api.example", "api.example", 80)),
        ("http://127.0.0.1:8000/", ("127.0.0.1:8000", "127.0.0.1", 8000)),
        ("http://[::1]:8000", ("[::1]:8000", "::1", 8000)),
    ],
)
async def test_where_it_is(url: str, where: tuple[str, str, int]) -> None:
    (target,) = pool(0, targets=[url])._targets
    assert (target.name, target.host, target.port) == where


async def test_it_is_out_while_it_rests_or_is_down() -> None:
    (target,) = pool(1)._targets
    target.rest(10.0)
    assert target.out_until == 10.0
    target.judged(up=False)
    target.rest(20.0)
    assert target.out_until == inf
    target.judged(up=True)
    assert target.out_until == 20.0
    target.row.failures = 3
    target.recovered(30.0)
    assert (target.out_until, target.row.failures, target.row.good_at) == (0.0, 0, 30.0)


async def test_a_name_is_resolved_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a service that moves is found again without a restart, as soon as its name says so."""
    (target,) = pool(1)._targets
    asked: list[tuple[object, ...]] = []

    class Loop:
        async def create_connection(self, factory: object, *where: object, **_: object) -> tuple[None, object]:
            asked.append(where)
            return None, factory

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    await target.open_connection(asyncio.Protocol)
    await target.open_connection(asyncio.Protocol)
    assert asked == [("target-0", 80)] * 2


async def test_a_connection_to_a_name(tmp_path: Path) -> None:
    async with recording_upstream() as upstream:
        url = f"http://localhost:{upstream.port}"
        async with wire(tmp_path, upstream={"targets": [url]}) as gate, gate.connect() as client:
            assert (await client.ask("GET", "/")).status == 200


async def test_a_refusal_is_an_os_error() -> None:
    with refusing() as url:
        (target,) = pool(0, targets=[url])._targets
        with pytest.raises(ConnectionRefusedError):
            await target.open_connection(asyncio.Protocol)
