from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from ostiary.demo.loopback import HOST, bind, port_of, run_alone, serving


def test_a_taken_port_falls_back_to_a_free_one() -> None:
    with bind(0) as first:
        first.listen()
        with bind(port_of(first)) as second:
            assert port_of(second) not in {0, port_of(first)}


def test_a_port_that_others_share_is_not_joined() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((HOST, 0))
        other.listen()
        with bind(port_of(other)) as sock:
            assert port_of(sock) != port_of(other)


async def test_serving_ends_with_its_context() -> None:
    sock = bind(0)
    url = f"http://{HOST}:{port_of(sock)}/"
    async with aiohttp.ClientSession() as session:
        async with serving(web.Application(), sock), session.get(url) as answer:
            assert answer.status == 404
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)
    assert sock.fileno() == -1


def test_running_alone_ends_quietly_on_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        async def wait(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "Event", Interrupted)
    sock = bind(0)
    run_alone(web.Application(), sock)
    assert sock.fileno() == -1


def test_a_free_port_is_none_that_an_outgoing_connection_could_take_meanwhile() -> None:
    with bind() as sock:
        assert 20_000 <= port_of(sock) < 32_768


def test_a_machine_without_a_free_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with bind() as taken:
        monkeypatch.setattr("ostiary.demo.loopback._FREE", [port_of(taken)])
        with pytest.raises(OSError, match="no free port"):
            bind()
