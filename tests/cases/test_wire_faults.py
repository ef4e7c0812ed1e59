"""The upstream rows of the shared faults, and what no fault may bring to light."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.http1 import request
from tests.support.recording import OK, recording_upstream
from tests.support.tokens import key
from tests.support.wire import OPEN, Wire, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.recording import Conversation


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Wire]:
    """A gateway that lets everything through to a recording upstream."""
    async with wire(tmp_path) as running:
        yield running


@pytest.fixture
def dead() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


async def close(conversation: Conversation) -> None:
    conversation.close()


async def reset(conversation: Conversation) -> None:
    conversation.reset()


async def silence(conversation: Conversation) -> None:
    await conversation.reader.read()


async def garbage(conversation: Conversation) -> None:
    await conversation.send(b"canary from the service\r\n\r\n")


async def test_fu1_refused(tmp_path: Path, dead: str) -> None:
    async with wire(tmp_path, upstream={"targets": [dead]}) as gate, gate.connect() as client:
        for _ in range(2):
            answer = await client.ask("GET", "/secret/path?canary")
            assert (answer.status, answer.json["error"]) == (502, "upstream_error")
            shown = answer.head.raw + answer.body
            assert not any(word in shown for word in (b"127.0.0.1", dead[7:].encode(), b"canary", b"Errno"))


@pytest.mark.parametrize("fault", [close, reset, silence, garbage])
async def test_fu1_and_fu5_answers_tell_nothing_of_the_inside(gate: Wire, fault: object) -> None:
    gate.upstream.default = fault  # type: ignore[assignment]  # an `object` among the parameters
    heard = await gate.play(request("GET", "/canary"))
    assert heard.statuses == [504 if fault is silence else 502]
    assert not any(word in heard.raw for word in (b"127.0.0.1", gate.upstream.url[7:].encode(), b"canary"))


@pytest.mark.parametrize("size", [10, 1_000_000])
@pytest.mark.parametrize("framing", ["Content-Length: 2000000", "Transfer-Encoding: chunked"])
async def test_fu2_a_death_midway_is_seen_by_the_client(gate: Wire, framing: str, size: int) -> None:
    """Another client of the same upstream notices nothing."""
    head = f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode()
    piece = b"f4240\r\n" + bytes(size) if "chunked" in framing else bytes(size)

    async def die(conversation: Conversation) -> None:
        if conversation.request.target == "/dies":
            await conversation.send(head + piece)
            conversation.close()
        else:
            await conversation.send(OK)

    gate.upstream.default = die
    async with gate.connect() as bystander:
        assert (await bystander.ask("GET", "/")).status == 200
        async with gate.connect() as client:
            await client.send(request("GET", "/dies"))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.answer()
        assert (await bystander.ask("GET", "/")).status == 200


async def test_fu3_posts_are_seen_once_however_the_race_goes(gate: Wire) -> None:
    """An upstream that closes every connection after one answer, at the moment when it is used again."""

    async def once(conversation: Conversation) -> None:
        if [each.connection for each in gate.upstream.requests].count(conversation.request.connection) > 1:
            conversation.close()
        else:
            await conversation.send(OK)

    gate.upstream.default = once

    async def caller(number: int) -> list[int]:
        async with gate.connect() as client:
            return [(await client.ask("POST", f"/{number}/{n}", body=b"x")).status for n in range(10)]

    statuses = [status for each in await asyncio.gather(*map(caller, range(4))) for status in each]
    assert set(statuses) == {200, 502}
    targets = [received.target for received in gate.upstream.requests]
    assert len(targets) == len(set(targets)) == 40


async def test_fu4_a_body_that_drips_and_stops_is_cut(gate: Wire) -> None:
    async def drip(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(5):
            await conversation.send(b"x")
            await gate.settle()
            gate.pass_time(29.0)
        gate.pass_time(2.0)

    gate.upstream.answer(drip)
    async with gate.connect() as client:
        await client.send(request("GET", "/"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.answer()
    await gate.settle()
    assert gate.upstream.open == 0
    assert gate.running.metrics.client_connections.value == 0


async def test_secrets_leave_no_trace(tmp_path: Path, dead: str) -> None:
    """Whatever happens to a request, what was secret in it is in no answer and in no log."""
    good = key("ES256").token()
    canary = "canary-5f3a"
    headers = {"Cookie": f"session={canary}", "X-Api-Key": canary, "Proxy-Authorization": canary}
    raws = [
        request("GET", "/", token=good, headers=headers),
        request("GET", "/dead", token=good, headers=headers),
        request("GET", "/", token=canary, headers=headers),
        request("GET", "/", headers=headers | {"Authorization": f"Basic {canary}"}),
        request("GET", "/", headers=headers | {"Authorization": f"Bearer {canary} {canary}"}),
        request("GET", "/", headers=headers | {f"{canary} {canary}": "x"}),
        request("GET", "/", headers=headers | {"Host": canary + "@x"}),
        request("GET", "/%00" + canary, headers=headers),
        request("GET", "/;" + canary, token=canary, headers=headers),
        request("POST", "/", token=good, headers=headers | {"Transfer-Encoding": canary}),
        request("POST", "/", token=good, headers={"Transfer-Encoding": "chunked"}) + f"{canary}\r\n".encode(),
        request("GET", "/?access_token=" + canary, headers=headers),
        f"{canary}\r\n\r\n".encode(),
    ]
    routes = [
        {**OPEN[0], "anonymous": False},
        {"name": "dead", "match": {"path": "/dead"}, "upstream": "dead"},
    ]
    async with recording_upstream() as upstream:
        upstreams = {"api": {"targets": [upstream.url]}, "dead": {"targets": [dead]}}
        async with wire(tmp_path, routes=routes, upstreams=upstreams) as gate:
            heard = [(await gate.play(raw)).raw for raw in raws]
            logs = (gate.running.access_log, gate.running.security_log)
    told = b"".join([*heard, *(log.read_bytes() for log in logs)])
    assert heard[0].startswith(b"HTTP/1.1 200 ")
    assert len(told) > 1000
    assert canary.encode() not in told
    assert good.encode() not in told
    assert good.rpartition(".")[2].encode() not in told
