from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis import exceptions as errors
from redis.asyncio import Redis

from ostiary.stores.address import parse_address
from ostiary.stores.line import Clustered, Direct, Line, _meaning, open_line
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted
from tests.support.certificates import Authority
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


@pytest.mark.parametrize(
    "url, why",
    [
        ("valkey://127.0.0.1:1", "the connection was refused"),
        ("valkeys://127.0.0.1:1", "the connection was refused"),
        ("unix:///nonexistent", "the connection failed: no such file or directory"),
        (
            "valkey+sentinel://127.0.0.1:1/m",
            "no Sentinel names a master: they cannot be reached, or do not know the service",
        ),
    ],
)
async def test_nobody_there(url: str, why: str) -> None:
    opened = open_line(parse_address(url), 1.0)
    with pytest.raises(ConnectionLost, match=f"^{why}$"):
        await opened.call(("PING",))
    await opened.close()


async def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    opened = open_line(parse_address("valkey://valkey.internal"), 1.0)
    with pytest.raises(ConnectionLost, match=r"^the host name does not resolve$"):
        await opened.call(("PING",))
    await opened.close()


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    good, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair = good.issue("store", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        opened = open_line(parse_address(f"valkeys://localhost:{port}?ca={other.ca}"), 5.0)
        with pytest.raises(ConnectionLost, match=r"^the certificate of the server is not trusted: "):
            await opened.call(("PING",))
        await opened.close()


async def test_nobody_there_of_a_cluster() -> None:
    opened = open_line(parse_address("valkey+cluster://127.0.0.1:1"), 1.0)
    assert isinstance(opened, Clustered)
    with pytest.raises(ConnectionLost, match=r"^the connection was refused$"):
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
