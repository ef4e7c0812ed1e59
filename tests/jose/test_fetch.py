from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from ostiary.jose.fetch import MAX_REDIRECTS, Fetcher, LoadError
from tests.support.key_server import Authority, flood, key_server, raw, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.key_server import Answer

_LIMIT = 10_000


async def test_a_document_is_fetched_whatever_its_type_says() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(b"{}", Content_Type="text/plain")
        assert await Fetcher(_LIMIT).get(server.url()) == b"{}"


@pytest.mark.parametrize(
    "answer, why",
    [
        (reply(b"{}", 500), "status 500"),
        (reply(b"{}", 404), "status 404"),
        (reply(b"", 204), "status 204"),
        (reply(b"", 304), "status 304"),
        (reply(b"{}", Content_Encoding="br"), "compressed"),
        (reply(b"{}", Content_Encoding="gzip, gzip"), "compressed"),
        (reply(b"not gzip", Content_Encoding="gzip"), "data is damaged"),
        (reply(gzip.compress(b"{}" * 99)[:-9], Content_Encoding="gzip"), "cut short"),
        (reply(b" " * (_LIMIT + 1)), "longer"),
        (reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), "longer"),
        (reply(zlib.compress(bytes(10_000_000)), Content_Encoding="deflate"), "longer"),
        (flood, "longer"),
        (raw(b""), "closed without"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), "cut short"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), "one way only"),
        (raw(b"\x16\x03\x01 not http"), "cut short"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), "head is longer"),
        (reply(b"", 302), "redirected more"),
        (reply(b"", 302, Location="/jwks"), "redirected more"),
        (reply(b"", 307, Location="http://example.com/jwks"), "plain HTTP"),
        (reply(b"", 301, Location="//user:secret@127.0.0.1/"), "user"),
        (reply(b"", 301, Location="file:///etc/passwd"), "no http"),
        (reply(b"", 301, Location="ftp://127.0.0.1/"), "no http"),
        (reply(b"", 301, Location="http://[::1"), "address cannot be used"),
        (reply(b"", 301, Location="/secret\xa0"), "address cannot be used"),
        (reply(b"", 301, Location="/a b"), "no http"),
    ],
)
async def test_an_answer_that_is_wrong_is_an_error(answer: Answer, why: str) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = answer
        with pytest.raises(LoadError, match=why) as caught:
            async with asyncio.timeout(5):
                await Fetcher(_LIMIT).get(server.url())
        assert "secret" not in str(caught.value)
        assert len(server.seen) <= 1 + MAX_REDIRECTS


@pytest.mark.parametrize("coding, packed", [("gzip", gzip.compress(b"{}", mtime=0)), ("deflate", zlib.compress(b"{}"))])
async def test_what_was_compressed_unasked_is_read(coding: str, packed: bytes) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(packed, Content_Encoding=coding)
        assert await Fetcher(_LIMIT).get(server.url()) == b"{}"


async def test_a_bomb_is_never_held_in_memory() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(gzip.compress(bytes(200_000_000), 9), Content_Encoding="gzip")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(LoadError, match="longer"):
            await Fetcher(1_000_000).get(server.url())
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB; 200 MB would show


async def test_redirects_are_followed_a_few_times() -> None:
    async with key_server() as server:
        for hop in range(MAX_REDIRECTS):
            server.answers[f"/{hop}"] = reply(b"", 302, Location=f"/{hop + 1}")
        server.answers[f"/{MAX_REDIRECTS}"] = reply(b"{}")
        assert await Fetcher(_LIMIT).get(server.url("/0")) == b"{}"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://10.0.0.1/", "http://127.0.0.1.example.com/", "http://0.0.0.0/", "file:///etc/passwd",
     "data:,{}", "", "127.0.0.1", "http://", "https://user@example.com/", "http://localhost.example.com/",
     "http://127.0.0.1:0/", "http://127.0.0.1/ HTTP/1.1\r\nX: y", "http://127.0.0.1/\u00e9"],
)  # fmt: skip
async def test_an_address_that_is_not_safe_is_not_called(url: str) -> None:
    with pytest.raises(LoadError, match=r"plain HTTP|no http"):
        await Fetcher(_LIMIT).get(url)


async def test_nobody_listening_is_an_error() -> None:
    async with key_server() as server:
        url = server.url()
    with pytest.raises(LoadError, match=r"^the connection to 127\.0\.0\.1:\d+ was refused$"):
        await Fetcher(_LIMIT).get(url)


async def test_a_host_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(LoadError, match=r"^the host name login\.example\.com does not resolve$"):
        await Fetcher(_LIMIT).get("https://login.example.com/jwks?secret=1")


async def test_tls_is_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fetcher = Fetcher(_LIMIT, tls=authority.client())
    async with key_server(authority.server(["localhost"])) as server:
        server.answers["/jwks"] = reply(b"{}")
        assert await fetcher.get(server.url(host="localhost")) == b"{}"
        with pytest.raises(LoadError, match=r"^the certificate of localhost is not trusted: "):
            await Fetcher(_LIMIT).get(server.url(host="localhost"))
    for context in (authority.server(["localhost"], days=-1), authority.server(["other.example"])):
        async with key_server(context) as server:
            with pytest.raises(LoadError, match=r"^the certificate of localhost is not trusted: "):
                await fetcher.get(server.url(host="localhost"))
            assert server.seen == []


async def test_https_is_never_left(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with key_server() as plain, key_server(authority.server(["localhost"])) as safe:
        safe.answers["/jwks"] = reply(b"", 302, Location=plain.url())
        plain.answers["/jwks"] = reply(b"{}")
        with pytest.raises(LoadError, match="HTTPS"):
            await Fetcher(_LIMIT, insecure=True, tls=authority.client()).get(safe.url(host="localhost"))
        assert plain.seen == []


async def test_the_request_asks_for_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await Fetcher(_LIMIT).get(f"http://localhost:{port}?a=%20b") == b"{}"
    assert heads == [
        b"GET /?a=%%20b HTTP/1.1\r\nHost: localhost:%d\r\nUser-Agent: ostiary\r\nAccept: application/json\r\n"
        b"Accept-Encoding: identity\r\nConnection: close\r\n\r\n" % port
    ]


async def test_an_answer_ends_where_it_says_even_if_the_connection_stays() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await asyncio.Event().wait()

    async with key_server() as server:
        server.answers["/jwks"] = answer
        async with asyncio.timeout(5):
            assert await Fetcher(_LIMIT).get(server.url()) == b"{}"


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x03\x00\x7a"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_giving_up_closes_the_connection_at_once(begin: bytes, scheme: str) -> None:
    connected, closed = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        connected.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        closed.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fetch = asyncio.create_task(Fetcher(_LIMIT).get(f"{scheme}://127.0.0.1:{port}/"))
        async with asyncio.timeout(5):
            await connected.wait()
            fetch.cancel()
            await asyncio.wait({fetch})
            await closed.wait()


async def test_an_address_that_does_not_answer_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(b"{}")
        loop = asyncio.get_running_loop()
        with silent_listener() as silent, refusing() as refused:
            real = loop.getaddrinfo

            async def resolve(host: str, port: int, **options: int) -> list[tuple[Any, ...]]:
                found: list[tuple[Any, ...]] = await real("127.0.0.1", port, **options)
                ends = [silent, refused] if host == "several.example" else []
                return [(*found[0][:4], end) for end in ends] + found

            url = server.url(host="several.example")
            monkeypatch.setattr(loop, "getaddrinfo", resolve)
            monkeypatch.setattr("ostiary.jose.fetch._PATIENCE", 0.05)
            async with asyncio.timeout(5):
                assert await Fetcher(_LIMIT, insecure=True).get(url) == b"{}"


@contextlib.contextmanager
def silent_listener() -> Iterator[tuple[str, int]]:
    """Give an address where the system accepts no connection and refuses none: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as waiting:
        end = listener.getsockname()
        for _ in range(2):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(end)
        yield end


@contextlib.contextmanager
def refusing() -> Iterator[tuple[str, int]]:
    """Give an address where nobody listens, nor can while this lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()
