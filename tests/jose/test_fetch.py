from __future__ import annotations

import asyncio
import gzip
import resource
import zlib
from typing import TYPE_CHECKING

import pytest

from ostiary.jose.fetch import MAX_REDIRECTS, Fetcher, LoadError
from tests.support.key_server import Authority, flood, key_server, raw, reply

if TYPE_CHECKING:
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
        (reply(b"not gzip", Content_Encoding="gzip"), "error"),
        (reply(gzip.compress(b"{}" * 99)[:-9], Content_Encoding="gzip"), "cut short"),
        (reply(b" " * (_LIMIT + 1)), "longer"),
        (reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), "longer"),
        (reply(zlib.compress(bytes(10_000_000)), Content_Encoding="deflate"), "longer"),
        (flood, "longer"),
        (raw(b""), "ServerDisconnectedError"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), "ClientPayloadError"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), "failed"),
        (raw(b"\x16\x03\x01 not http"), "failed"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), "failed"),
        (reply(b"", 302), "redirected more"),
        (reply(b"", 302, Location="/jwks"), "redirected more"),
        (reply(b"", 307, Location="http://example.com/jwks"), "plain HTTP"),
        (reply(b"", 301, Location="//user:secret@127.0.0.1/"), "user"),
        (reply(b"", 301, Location="file:///etc/passwd"), "no host"),
        (reply(b"", 301, Location="ftp://127.0.0.1/"), "plain HTTP"),
        (reply(b"", 301, Location="http://[::1"), "ValueError"),
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
     "data:,{}", "", "127.0.0.1", "http://", "https://user@example.com/", "http://localhost.example.com/"],
)  # fmt: skip
async def test_an_address_that_is_not_safe_is_not_called(url: str) -> None:
    with pytest.raises(LoadError, match=r"plain HTTP|no host"):
        await Fetcher(_LIMIT).get(url)


async def test_nobody_listening_is_an_error() -> None:
    async with key_server() as server:
        url = server.url()
    with pytest.raises(LoadError, match="ClientConnectorError"):
        await Fetcher(_LIMIT).get(url)


async def test_tls_is_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fetcher = Fetcher(_LIMIT, tls=authority.client())
    async with key_server(authority.server(["localhost"])) as server:
        server.answers["/jwks"] = reply(b"{}")
        assert await fetcher.get(server.url(host="localhost")) == b"{}"
        with pytest.raises(LoadError, match="CertificateError"):
            await Fetcher(_LIMIT).get(server.url(host="localhost"))
    for context in (authority.server(["localhost"], days=-1), authority.server(["other.example"])):
        async with key_server(context) as server:
            with pytest.raises(LoadError, match="CertificateError"):
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
