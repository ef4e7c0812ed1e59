from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis import exceptions as errors
from redis.asyncio import Redis

from ostiary.stores.address import parse_address
from ostiary.stores.line import Clustered, Direct, Line, _meaning, open_line
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted
from tests.support.process import Child, ServerFailed
from tests.support.valkey import _binary, valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.valkey import ValkeyServer

SECRET = "s3cr3t"


@pytest.fixture
async def line(valkey_server: ValkeyServer) -> AsyncIterator[Line]:
    opened = open_line(parse_address(valkey_server.url), 5.0)
    yield opened
    await opened.close()


async def test_it_carries_commands_and_opens_again_once_closed(line: Line) -> None:
    assert await line.call(("ECHO", b"\x00\r\n")) == b"\x00\r\n"
    await line.close()
    assert await line.call(("ECHO", 1.5)) == b"1.5"


@pytest.mark.parametrize(
    "command, kind",
    [
        (("EVALSHA", "0" * 40, 0), Unscripted),
        (("NOSUCH", SECRET), StoreMisconfigured),
        (("AUTH", SECRET), StoreMisconfigured),
        (("SELECT", 99), StoreMisconfigured),
        (("EVAL", "return redis.error_reply('BUSY " + SECRET + "')", 0), StoreUnavailable),
        (("EVAL", "return redis.error_reply('LOADING " + SECRET + "')", 0), StoreUnavailable),
        (("EVAL", "return redis.error_reply('OOM command')", 0), StoreUnavailable),
        (("EVAL", "return redis.error_reply('READONLY replica')", 0), ConnectionLost),
        (("EVAL", "return redis.error_reply('MASTERDOWN Link')", 0), StoreUnavailable),
        (("EVAL", "return redis.error_reply('NOPERM " + SECRET + "')", 0), StoreMisconfigured),
        (("EVAL", "return redis.error_reply('MOVED 1 h:1')", 0), StoreMisconfigured),
    ],
)
async def test_errors_are_ours_and_quote_nothing(line: Line, command: tuple[str | int, ...], kind: type) -> None:
    with pytest.raises(Exception) as failed:  # noqa: PT011 - the type is the parameter
        await line.call(command)
    assert type(failed.value) is kind
    assert SECRET not in str(failed.value)
    assert failed.value.__suppress_context__
    assert await line.call(("PING",)) == b"PONG"


def test_a_clusters_own_errors_are_told_apart() -> None:
    login = errors.RedisClusterException("cannot be connected")
    login.__cause__ = errors.AuthenticationError("WRONGPASS")
    assert isinstance(_meaning(login), StoreMisconfigured)
    assert isinstance(_meaning(errors.RedisClusterException("x")), ConnectionLost)
    assert isinstance(_meaning(errors.ClusterDownError("CLUSTERDOWN x")), StoreUnavailable)
    assert _meaning(ZeroDivisionError()) is None


@pytest.mark.parametrize("url", ["valkey://127.0.0.1:1", "unix:///nonexistent", "valkey+sentinel://127.0.0.1:1/m"])
async def test_nobody_there(url: str) -> None:
    opened = open_line(parse_address(url), 1.0)
    with pytest.raises(ConnectionLost):
        await opened.call(("PING",))
    await opened.close()


async def test_nobody_there_of_a_cluster() -> None:
    opened = open_line(parse_address("valkey+cluster://127.0.0.1:1"), 1.0)
    assert isinstance(opened, Clustered)
    with pytest.raises(ConnectionLost):
        await opened.call(("EVALSHA", "0" * 40, 1, "{p}"))
    await opened.close()


def test_tls_always_verifies() -> None:
    opened = open_line(parse_address("valkeys://store?ca=/etc/ca.pem"), 1.0)
    assert isinstance(opened, Direct)
    options = opened._pool.connection_kwargs
    assert options["ssl_cert_reqs"] == "required"
    assert options["ssl_check_hostname"] is True
    assert options["ssl_ca_certs"] == "/etc/ca.pem"


async def test_sentinels_lead_to_the_master(tmp_path: Path) -> None:
    with valkey_server() as master, _sentinel(tmp_path / "sentinel.conf", master.port) as port:
        opened = open_line(parse_address(f"valkey+sentinel://127.0.0.1:{port}/main"), 5.0)
        await opened.call(("SET", "x", "y"))
        async with Redis(port=master.port) as client:
            assert await client.get("x") == b"y"
        await opened.close()


@contextmanager
def _sentinel(configuration: Path, master: int) -> Iterator[int]:
    """A Sentinel, on the port that is yielded: one that was free a moment ago, and another if it is no more."""
    configuration.write_text(f"sentinel monitor main 127.0.0.1 {master} 1\n")
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        with Child([_binary(), configuration, "--sentinel", "--bind", "127.0.0.1", "--port", str(port)]) as child:
            try:
                child.wait_for("+monitor")
            except ServerFailed:
                continue
            yield port
            return
    raise AssertionError
