from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from ostiary.stores.address import Address, parse_address
from ostiary.stores.direct import Direct
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable
from tests.support.key_server import Authority
from tests.support.valkey import valkey_server

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.valkey import ValkeyServer

_PASSWORD = "s3cr3t"


@pytest.fixture(scope="module")
def guarded() -> Iterator[ValkeyServer]:
    user = ("--user", "default", "off", "--user", "alice", "on", f">{_PASSWORD}", "~*", "+@all")
    with valkey_server(*user) as server:
        yield server


def to(server: ValkeyServer, **more: object) -> Direct:
    return Direct(Address(kind="single", hosts=(("127.0.0.1", server.port),), **more), 5.0)  # type: ignore[arg-type]  # what they are


async def test_it_logs_in_and_chooses_the_database(guarded: ValkeyServer) -> None:
    line = to(guarded, username="alice", password=_PASSWORD, database=3)
    assert await line.call(("ACL", "WHOAMI")) == b"alice"
    assert b" db=3 " in await line.call(("CLIENT", "INFO"))  # type: ignore[operator]  # bytes
    await line.close()


async def test_a_unix_socket(guarded: ValkeyServer) -> None:
    line = Direct(Address(kind="unix", path=str(guarded.socket), username="alice", password=_PASSWORD), 5.0)
    assert await line.call(("PING",)) == b"PONG"
    await line.close()


@pytest.mark.parametrize("user", [None, "alice", "bob"])
@pytest.mark.parametrize("password", [None, "wrong" + _PASSWORD])
async def test_a_bad_login_is_the_operators(guarded: ValkeyServer, user: str | None, password: str | None) -> None:
    line = to(guarded, username=user, password=password)
    with pytest.raises(StoreMisconfigured, match="user or password") as failed:
        await line.call(("PING",))
    await line.close()
    assert _PASSWORD not in str(failed.value)


async def test_a_password_that_is_not_wanted_is_the_operators(valkey_server: ValkeyServer) -> None:
    with pytest.raises(StoreMisconfigured, match="user or password"):
        await to(valkey_server, password=_PASSWORD, username="bob").call(("PING",))


async def test_a_database_that_is_not_there_is_the_operators(valkey_server: ValkeyServer) -> None:
    with pytest.raises(StoreMisconfigured, match="answered ERR"):
        await to(valkey_server, database=9999).call(("PING",))


async def test_a_cancelled_command_takes_its_connection_with_it(valkey_server: ValkeyServer) -> None:
    line = to(valkey_server)
    before = await line.call(("CLIENT", "ID"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await line.call(("BLPOP", "nothing", 0))
    assert await line.call(("ECHO", "mine")) == b"mine"
    assert await line.call(("CLIENT", "ID")) != before
    await line.close()


@asynccontextmanager
async def answering(text: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer every connection's first octets with `text`, then close; with nothing, stay silent. Gives the port."""
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(text)
        if not text:
            await gone.wait()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]
        gone.set()


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad\r\n\r\n", b"+OK", b"$10\r\nshort", b"*1000000000000000000\r\n"])
async def test_what_makes_no_sense_ends_the_connection(text: bytes) -> None:
    async with answering(text) as port:
        with pytest.raises(ConnectionLost):
            await Direct(parse_address(f"valkey://127.0.0.1:{port}"), 5.0).call(("PING",))


async def test_a_server_that_is_loading_is_unavailable_even_to_a_login() -> None:
    async with answering(b"-LOADING Valkey is loading the dataset in memory\r\n") as port:
        with pytest.raises(StoreUnavailable, match="loading"):
            await Direct(parse_address(f"valkey://:x@127.0.0.1:{port}"), 5.0).call(("PING",))


async def test_a_silent_login_ends_in_time() -> None:
    async with answering(b"") as port:
        with pytest.raises(ConnectionLost, match="timed out"):
            await Direct(parse_address(f"valkey://:x@127.0.0.1:{port}"), 0.05).call(("PING",))


async def test_tls_always_verifies(tmp_path: Path) -> None:
    authority, ca = Authority(tmp_path), tmp_path / "ca.pem"
    ca.write_bytes(authority._root.public_bytes(serialization.Encoding.PEM))
    async with answering(b"+PONG\r\n", authority.server(["localhost"])) as port:
        trusting = Direct(parse_address(f"valkeys://localhost:{port}?ca={ca}"), 5.0)
        assert await trusting.call(("PING",)) == b"PONG"
        await trusting.close()
        for url in (f"valkeys://localhost:{port}", f"valkeys://127.0.0.1:{port}?ca={ca}"):
            with pytest.raises(ConnectionLost):
                await Direct(parse_address(url), 5.0).call(("PING",))
