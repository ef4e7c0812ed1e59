"""Real clients through `ostiary serve`: curl, aiohttp, and a browser's page with fetch, EventSource and WebSocket."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import shutil
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.support.browser import CHROMIUM, browser
from tests.support.documents import document
from tests.support.serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CURL: Final = shutil.which("curl")
MEBIBYTE: Final = bytes(range(256)) * 4096
TEXT: Final = b"the same line again\n" * 500
PAGE: Final = Path(__file__).parent.parent / "support" / "page.html"
_SECONDS: Final = 45.0

with_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")
with_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


async def upload(request: web.Request) -> web.Response:
    """Tell what came."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        digest.update(piece)
        size += len(piece)
    return web.json_response(
        {"size": size, "sha256": digest.hexdigest(), "coding": request.headers.get("Transfer-Encoding")}
    )


async def download(request: web.Request) -> web.StreamResponse:
    """Answer so many MiB in chunks."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(int(request.query["mib"])):
        await response.write(MEBIBYTE)
    return response


async def text(request: web.Request) -> web.Response:
    """Answer compressed to whoever can read that."""
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=gzip.compress(TEXT), headers={"Content-Encoding": "gzip"})
    return web.Response(body=TEXT)


async def page(_: web.Request) -> web.Response:
    return web.Response(text=PAGE.read_text(), content_type="text/html")


async def events(request: web.Request) -> web.StreamResponse:
    """Three events, and then silence: whoever buffers them never passes them on."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for number in range(3):
        await response.write(b"id: %d\ndata: event %d\n\n" % (number, number))
    ended: asyncio.Event = request.app[ENDED]
    await ended.wait()
    return response


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=["chat"])
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


ENDED: Final = web.AppKey("ended", asyncio.Event)


@asynccontextmanager
async def service(*more: web.RouteDef) -> AsyncIterator[str]:
    """A service of the kind that people put behind a gateway, which does `more`; yields its address."""
    app = web.Application()
    app[ENDED] = asyncio.Event()
    app.add_routes(
        [
            web.get("/text", text),
            web.get("/page", page),
            web.get("/events", events),
            web.get("/ws", echo),
            web.get("/download", download),
            web.route("*", "/upload", upload),
            *more,
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        app[ENDED].set()
        await runner.cleanup()


@contextmanager
def gateway(upstream: str, folder: Path) -> Iterator[Served]:
    """A gateway with one worker that lets everybody through, also to WebSockets."""
    routes = [
        {"name": "ws", "match": {"path": "/ws"}, "upstream": "api", "anonymous": True, "websocket": True},
        {"name": "all", "match": {"path": "/**"}, "upstream": "api", "anonymous": True},
    ]
    with serving(document(upstream, routes=routes), folder) as served:
        served.until_ready()
        yield served


@asynccontextmanager
async def ground(folder: Path, *more: web.RouteDef) -> AsyncIterator[str]:
    """A gateway in front of `service`; yields the gateway's address."""
    async with asyncio.timeout(_SECONDS), service(*more) as upstream:
        with gateway(upstream, folder) as served:
            yield f"http://127.0.0.1:{served.port}"


async def run(*command: str | Path, stdin: bytes = b"", timeout: float = 30.0) -> tuple[bytes, str]:  # noqa: ASYNC109  # a bound for another process
    """Return what a program printed and complained of; raises if it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout):
            output, complaints = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode(errors="replace")[-2000:]
    return output, complaints.decode(errors="replace")


async def curl(*arguments: str | Path, stdin: bytes = b"") -> tuple[bytes, str]:
    return await run(CURL or "", "--silent", "--show-error", "--verbose", "--max-time", "20", *arguments, stdin=stdin)


def arrived(size: int, body: bytes = MEBIBYTE) -> dict[str, object]:
    """Return what `upload` tells of so many repetitions of `body`."""
    return {"size": size * len(body), "sha256": hashlib.sha256(body * size).hexdigest()}


@with_curl
async def test_curl_keeps_its_connection(tmp_path: Path) -> None:
    async with ground(tmp_path) as url:
        output, told = await curl(*(f"{url}/text" for _ in range(5)))
    assert output == TEXT * 5
    assert told.count("Re-using existing connection") == 4
    assert told.count("Connected to") == 1


@with_curl
async def test_curl_uploads_in_chunks(tmp_path: Path) -> None:
    async with ground(tmp_path) as url:
        output, _ = await curl("--upload-file", "-", f"{url}/upload", stdin=MEBIBYTE * 3)
    assert msgspec.json.decode(output) == arrived(3) | {"coding": "chunked"}


@with_curl
async def test_curl_waits_to_be_asked_for_a_large_upload(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(MEBIBYTE * 5)
    async with ground(tmp_path) as url:
        output, told = await curl("--expect100-timeout", "15", "--data-binary", f"@{large}", f"{url}/upload")
        again, asked = await curl(
            "--expect100-timeout", "15", "--header", "Expect: 100-continue", "--upload-file", large, f"{url}/upload"
        )
    assert msgspec.json.decode(output) == msgspec.json.decode(again) == arrived(5) | {"coding": None}
    for complaints in (told, asked):
        assert "> Expect: 100-continue" in complaints
        assert "< HTTP/1.1 100 Continue" in complaints
        assert "< HTTP/1.1 200" in complaints


@with_curl
async def test_curl_speaks_http_1_0(tmp_path: Path) -> None:
    """It gets its body to the end of the connection: there are no chunks in HTTP/1.0."""
    async with ground(tmp_path) as url:
        output, told = await curl("--http1.0", f"{url}/download?mib=2")
        plain, _ = await curl("--http1.0", f"{url}/text")
    assert output == MEBIBYTE * 2
    assert "chunked" not in told
    assert plain == TEXT


@with_curl
async def test_curl_asks_for_the_head_only(tmp_path: Path) -> None:
    async with ground(tmp_path) as url:
        output, told = await curl("--head", f"{url}/text", "--next", "--silent", f"{url}/text")
    head, _, body = output.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(TEXT) in head
    assert body == TEXT
    assert "Re-using existing connection" in told


@with_curl
async def test_curl_reads_what_is_compressed(tmp_path: Path) -> None:
    async with ground(tmp_path) as url:
        output, told = await curl("--compressed", f"{url}/text")
    assert output == TEXT
    assert "< Content-Encoding: gzip" in told


@with_curl
async def test_curl_hears_that_there_is_no_such_resource_in_the_middle_of_an_upload(tmp_path: Path) -> None:
    """The service answers without reading; the answer gets through, and what else was to come does no harm."""
    async with ground(tmp_path) as url:
        _, told = await curl(
            "--upload-file", "-", f"{url}/nowhere", "--next", "--silent", f"{url}/text", stdin=MEBIBYTE * 3
        )
    assert re.search("< HTTP/1.1 (404|405)", told)
    assert "< HTTP/1.1 200" in told


async def test_an_aiohttp_session_up_and_down(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield MEBIBYTE

    async with ground(tmp_path) as url, aiohttp.ClientSession(url) as session:
        async with session.post("/upload", data=pieces()) as response:
            assert await response.json() == arrived(8) | {"coding": "chunked"}
        digest = hashlib.sha256()
        async with session.get("/download", params={"mib": "8"}) as response:
            async for piece in response.content.iter_chunked(65_536):
                digest.update(piece)
        assert digest.hexdigest() == arrived(8)["sha256"]
        async with session.post("/upload", data=MEBIBYTE, expect100=True) as response:
            assert await response.json() == arrived(1) | {"coding": None}


async def test_many_aiohttp_requests_at_once(tmp_path: Path) -> None:
    async with ground(tmp_path) as url:
        connector = aiohttp.TCPConnector(limit=40)
        async with aiohttp.ClientSession(url, connector=connector) as session:

            async def one(number: int) -> bool:
                if number % 5:
                    async with session.get("/text") as response:
                        return await response.read() == TEXT
                body = b"%d" % number * 10_000
                async with session.put("/upload", data=body) as response:
                    return bool(await response.json() == arrived(1, body) | {"coding": None})

            assert all(await asyncio.gather(*(one(number) for number in range(600))))


async def test_an_aiohttp_websocket(tmp_path: Path) -> None:
    async with ground(tmp_path) as url, aiohttp.ClientSession(url) as session:
        async with session.ws_connect("/ws", protocols=["chat"], compress=15) as socket:
            assert socket.protocol == "chat"
            for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000):
                await socket.send_str("x" * size)
                assert await socket.receive_str() == "x" * size
            await socket.ping()
        assert socket.close_code == aiohttp.WSCloseCode.OK


@with_chromium
async def test_a_page_in_a_browser(tmp_path: Path) -> None:
    """The page sends what each of its steps saw once it has taken all of them."""
    told = asyncio.get_running_loop().create_future()

    async def tell(request: web.Request) -> web.Response:
        told.set_result(await request.json())
        return web.Response(status=204)

    async with ground(tmp_path, web.post("/told", tell)) as url:
        with browser(f"{url}/page", tmp_path) as opened:
            await asyncio.wait([told], timeout=30.0)
            assert told.done(), opened.log
    seen = told.result()
    assert seen == {
        "fetch": "200 10000",
        "post": f"200 {len(b'x') * 300_000}",
        "parallel": "20 of 20",
        "events": "event 0,event 1,event 2",
        "websocket": "chat hello 100000 1000 true",
        "refused": "closed",
    }
