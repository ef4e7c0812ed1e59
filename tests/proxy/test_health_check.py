from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.recording import OK
from tests.support.upstreams import several

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation
    from tests.support.upstreams import Several

CHECK = {"path": "/healthy?deep=1", "interval": "10s", "timeout": "2s", "passes": 2, "failures": 3}
ILL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


async def checked(api: Several, times: int = 1) -> None:
    """Have each target checked that often, and the checks done."""
    for _ in range(times):
        api.gate.pass_time(10.1)
        under_way = [check._under_way for check in api.pool._checks if check._under_way is not None]
        await asyncio.wait_for(asyncio.gather(*under_way), 5)
        await api.gate.settle()


def health(**check: object) -> dict[str, object]:
    return {"check": CHECK | check}


async def test_what_is_asked_and_how_often(tmp_path: Path) -> None:
    async with several(tmp_path, 1, health=health()) as api:
        await checked(api)
        (request,) = api.recordings[0].requests
        assert request.head.start == "GET /healthy?deep=1 HTTP/1.1"
        assert request.values("Host") == [f"127.0.0.1:{api.recordings[0].port}"]
        assert request.values("Connection") == ["close"]
        assert len(request.head.headers) == 4
        api.gate.pass_time(9.8)
        assert api.pool._checks[0]._under_way is None
        await checked(api, 3)
        assert api.counts == [4]
        assert api.recordings[0].open == 0
        name = api.pool._targets[0].name
        assert (api.metric("checks_total", name, "passed"), api.metric("checks_total", name, "failed")) == (4, 0)


async def test_without_the_setting_nothing_is_asked(tmp_path: Path) -> None:
    async with several(tmp_path, 1) as api:
        api.gate.pass_time(1e6)
        await api.gate.settle()
        assert api.recordings[0].connections == 0


async def test_a_target_goes_down_and_comes_back_by_its_checks(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin", health=health()) as api:
        ill, well = api.recordings
        ill.default = ILL
        await checked(api, 2)
        assert api.metric("target_up", api.pool._targets[0].name) == 1
        await checked(api)
        assert api.metric("target_up", api.pool._targets[0].name) == 0
        before = len(ill.requests), len(well.requests)
        assert await api.statuses(10) == [200] * 10
        assert (len(ill.requests), len(well.requests)) == (before[0], before[1] + 10)
        ill.default = OK
        await checked(api)
        assert api.pool._targets[0].down
        await checked(api)
        assert api.metric("target_up", api.pool._targets[0].name) == 1
        before = len(ill.requests), len(well.requests)
        assert await api.statuses(10) == [200] * 10
        assert (len(ill.requests), len(well.requests)) == (before[0] + 5, before[1] + 5)


async def test_with_every_target_down_it_is_503_until_the_next_check_may_tell(tmp_path: Path) -> None:
    async with several(tmp_path, 1, health=health(failures=1, passes=1)) as api:
        api.recordings[0].answer(ILL)
        await checked(api)
        async with api.gate.connect() as client:
            answer = await client.ask("GET", "/")
        assert (answer.status, answer.value("Retry-After")) == (503, "10")
        assert api.metric("failures_total", "down") == 1
        await checked(api)
        assert await api.statuses(1) == [200]
        assert api.pool._only is not None


async def test_failures_that_are_not_in_a_row_take_nobody_down(tmp_path: Path) -> None:
    async with several(tmp_path, 1, health=health()) as api:
        api.recordings[0].answer(*[ILL, ILL, OK] * 3)
        await checked(api, 9)
        assert not api.pool._targets[0].down


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad\r\n\r\n",
        b"x" * 200_000,
        b"HTTP/1.1 404 Not Found\r\n\r\n",
    ],
)
async def test_what_is_no_good_answer(tmp_path: Path, answer: bytes) -> None:
    async def say(conversation: Conversation) -> None:
        conversation.writer.write(answer)
        conversation.close()

    async with several(tmp_path, 1, health=health(failures=1)) as api:
        api.recordings[0].default = say
        await checked(api)
        assert api.pool._targets[0].down


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Fine\r\n\r\nand more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_a_good_answer(tmp_path: Path, answer: bytes) -> None:
    async with several(tmp_path, 1, health=health(failures=1)) as api:
        api.recordings[0].default = answer
        await checked(api)
        assert not api.pool._targets[0].down


async def test_silence_fails_when_its_time_is_over(tmp_path: Path) -> None:
    async def silence(conversation: Conversation) -> None:
        await conversation.reader.read()

    async with several(tmp_path, 1, health=health(failures=1)) as api:
        api.recordings[0].default = silence
        api.gate.pass_time(10.1)
        await api.recordings[0].arrived(1)
        found = []
        for seconds in (1.9, 0.2):
            api.gate.pass_time(seconds)
            found.append(api.pool._targets[0].down)
        assert found == [False, True]
        await api.gate.settle()
        assert api.recordings[0].open == 0
        assert api.pool._checks[0].deadline == api.gate.clock.now - 2.1 + 10.0


async def test_a_refused_connection_fails(tmp_path: Path) -> None:
    async with several(tmp_path, 0, bad=1, health=health(failures=1)) as api:
        await checked(api)
        assert api.pool._targets[0].down


async def test_it_ends_with_its_pool(tmp_path: Path) -> None:
    async def silence(conversation: Conversation) -> None:
        await conversation.reader.read()

    async with several(tmp_path, 1, health=health()) as api:
        api.recordings[0].default = silence
        api.gate.pass_time(10.1)
        await api.recordings[0].arrived(1)
        api.pool.close()
        await api.gate.settle()
        assert api.recordings[0].open == 0
        api.gate.pass_time(1e6)
        await api.gate.settle()
        assert api.counts == [1]
