"""TLS of a whole gateway: certificates that change under load, through two workers, and a client that people use."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.support import http1
from tests.support.certificates import Authority
from tests.support.documents import document
from tests.support.serving import serving
from tests.support.tokens import key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Pair
    from tests.support.documents import Document
    from tests.support.nginx import NginxUpstream

CLIENTS = 8


def secured(upstream: str, own: Pair) -> Document:
    tls = {"certificates": [own.section], "reload_interval": "100ms", "hsts": {"max_age": "1d"}}
    return document(upstream, server={"workers": 2, "tls": tls})


async def test_certificates_change_under_load(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    """No connection is dropped, no request fails, and in the end every worker presents the new one."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    own = authority.issue("own", "gateway.example")
    token = key("ES256").token()
    living, new = (ssl.create_default_context(cafile=str(each.ca)) for each in (authority, other))
    new.load_verify_locations(authority.ca)
    changed = asyncio.Event()
    with serving(secured(nginx_upstream.url, own), tmp_path) as gateway:

        async def keep_asking() -> int:
            count = 0
            async with http1.connect(gateway.port, living, "gateway.example") as client:
                while not changed.is_set() or not count:
                    assert (await client.ask("GET", "/", token=token)).status == 200
                    count += 1
                assert (await client.ask("GET", "/", token=token)).status == 200
            return count

        async def connect() -> str:
            """Ask on a new connection, which is answered whichever certificate there is, and return its issuer."""
            async with http1.connect(gateway.port, new, "gateway.example") as client:
                assert (await client.ask("GET", "/", token=token)).status == 200
                issuer: str = client.writer.get_extra_info("ssl_object").getpeercert()["issuer"][0][0][1]
                return issuer

        asking = [asyncio.create_task(keep_asking()) for _ in range(CLIENTS)]
        assert await connect() == "ca"
        replacement = other.issue("new", "gateway.example")
        shutil.copy(replacement.certificate, own.certificate)  # in two steps, as most tools do
        shutil.copy(replacement.key, own.key)
        in_a_row = 0
        async with asyncio.timeout(20):
            while in_a_row < 20:  # both workers have it
                in_a_row = in_a_row + 1 if await connect() == "other" else 0
        changed.set()
        counts = await asyncio.gather(*asking)
        metrics = gateway.metrics()
    assert min(counts) > 0
    assert metrics['ostiary_security_events_total{event="certificates_changed"}'] == 2
    assert metrics.get('ostiary_security_events_total{event="certificates_unusable"}', 0) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", "gateway.example")
    with serving(secured(nginx_upstream.url, own), tmp_path) as gateway:
        process = await asyncio.create_subprocess_exec(
            "curl", "-sSi", "--max-time", "20", "--cacert", str(authority.ca),
            "-H", f"Authorization: Bearer {key().token()}",
            "--resolve", f"gateway.example:{gateway.port}:127.0.0.1", f"https://gateway.example:{gateway.port}/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output = (await process.communicate())[0].decode()
    assert output.startswith("HTTP/1.1 200")
    assert "Strict-Transport-Security: max-age=86400" in output
