"""The PROXY protocol as others write it, into a whole gateway of two workers: nginx, HAProxy and curl."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support import http1
from tests.support.balancers import HAPROXY, SOURCE, haproxy_balancer, nginx_balancer
from tests.support.certificates import Authority
from tests.support.documents import document
from tests.support.serving import serving
from tests.support.tokens import key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.nginx import NginxUpstream
    from tests.support.serving import Served

CLIENT = "127.0.0.9"
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")


def behind(upstream: str, **server: object) -> Document:
    return document(upstream, server={"workers": 2, "proxy_protocol": {"peers": [SOURCE]}, **server})


async def seen(port: int, tls: ssl.SSLContext | None = None) -> Mapping[str, str]:
    """Ask on a new connection from `CLIENT`, and return the fields that the service got."""
    name = None if tls is None else "gateway.example"
    async with http1.connect(port, tls, name, source=CLIENT) as client:
        answer = await client.ask("GET", "/", token=key("ES256").token())
        assert answer.status == 200, answer
        assert (await client.ask("POST", "/", token=key("ES256").token(), body=bytes(1 << 20))).status == 200
    return {name.lower(): value for name, value in msgspec.json.decode(answer.body)["headers"]}


def clients(folder: Path) -> set[str]:
    lines = (folder / "access.log").read_bytes().splitlines()
    return {msgspec.json.decode(line)["client"] for line in lines}


def headers(gateway: Served) -> dict[str, float]:
    """How many headers came to what."""
    prefix, suffix = 'ostiary_proxy_headers_total{result="', '"}'
    return {
        name.removeprefix(prefix).removesuffix(suffix): value
        for name, value in gateway.metrics().items()
        if name.startswith(prefix)
    }


async def test_nginx_passes_connections_on(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    observe = {"access_log": {"path": str(tmp_path / "access.log")}}
    (tmp_path / "nginx").mkdir()
    with (
        serving({**behind(nginx_upstream.url), "observe": observe}, tmp_path) as gateway,
        nginx_balancer(tmp_path / "nginx", gateway.port) as port,
    ):
        told = await asyncio.gather(*(seen(port) for _ in range(10)))
        assert {fields["x-forwarded-for"] for fields in told} == {CLIENT}
        assert (await http1.ask(gateway.port, "GET", "/", token=key().token())).status == 200
        assert headers(gateway)["told"] == 10
    assert clients(tmp_path) == {CLIENT, "127.0.0.1"}


@pytest.mark.parametrize("terminates", [False, True])
async def test_nginx_before_or_behind_tls(nginx_upstream: NginxUpstream, tmp_path: Path, *, terminates: bool) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", "gateway.example")
    server = {} if terminates else {"tls": {"certificates": [own.section]}}
    (tmp_path / "nginx").mkdir()
    with (
        serving(behind(nginx_upstream.url, **server), tmp_path) as gateway,
        nginx_balancer(tmp_path / "nginx", gateway.port, own if terminates else None) as port,
    ):
        fields = await seen(port, ssl.create_default_context(cafile=str(authority.ca)))
    assert fields["x-forwarded-for"] == CLIENT
    assert fields["x-forwarded-proto"] == ("http" if terminates else "https")


@needs_haproxy
@pytest.mark.parametrize(
    "options, checks",
    [
        ("send-proxy", "told"),  # of itself
        ("send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher", "own"),
    ],
)
async def test_haproxy_writes_either_version_and_asks_how_the_gateway_is(
    nginx_upstream: NginxUpstream, tmp_path: Path, options: str, checks: str
) -> None:
    """With all that it can put into a header."""
    authority = Authority(tmp_path)
    own = authority.issue("own", "gateway.example")
    (tmp_path / "haproxy").mkdir()
    with (
        serving(behind(nginx_upstream.url), tmp_path) as gateway,
        haproxy_balancer(tmp_path / "haproxy", gateway.port, options, own) as port,
    ):
        fields = await seen(port, ssl.create_default_context(cafile=str(authority.ca)))
        assert fields["x-forwarded-for"] == CLIENT
        async with asyncio.timeout(20):
            while headers(gateway)[checks] < 2:  # noqa: ASYNC110  # of another process, there is no event to wait for
                await asyncio.sleep(0.05)
        assert headers(gateway)["told"] >= 1
        assert headers(gateway)["malformed"] == 0


@needs_haproxy
async def test_haproxy_passes_tls_on(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = {"certificates": [authority.issue("own", "gateway.example").section]}
    (tmp_path / "haproxy").mkdir()
    with (
        serving(behind(nginx_upstream.url, tls=tls), tmp_path) as gateway,
        haproxy_balancer(tmp_path / "haproxy", gateway.port, "send-proxy-v2 proxy-v2-options crc32c") as port,
    ):
        fields = await seen(port, ssl.create_default_context(cafile=str(authority.ca)))
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (CLIENT, "https")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_is_taken_with_a_header_only(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = {"certificates": [authority.issue("own", "gateway.example").section]}

    async def curl(*options: str) -> tuple[str, int | None]:
        process = await asyncio.create_subprocess_exec(
            "curl", "-sSi", "--max-time", "20", "--cacert", str(authority.ca), "--interface", SOURCE, *options,
            "-H", f"Authorization: Bearer {key().token()}",
            "--resolve", f"gateway.example:{gateway.port}:127.0.0.1", f"https://gateway.example:{gateway.port}/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        return (await process.communicate())[0].decode(), process.returncode

    with serving(behind(nginx_upstream.url, tls=tls), tmp_path) as gateway:
        output, code = await curl("--haproxy-protocol")
        assert (output[:12], code) == ("HTTP/1.1 200", 0)
        output, code = await curl()
        assert ("HTTP" in output, code) == (False, 35)  # its handshake was not heard
