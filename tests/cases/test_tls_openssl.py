"""The listener under openssl's client: which versions, ciphers and tricks it speaks, and which alerts it gives."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ostiary.observe.diagnostics import log_unraisable
from tests.cases.test_tls_listener import mutual, section
from tests.support.certificates import DAY, Authority
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="the openssl command is not installed")

ANY = ("-cipher", "ALL:eNULL:@SECLEVEL=0")


async def s_client(port: int, *options: str, say: bytes = b"Q\n", name: str = "a.example") -> str:
    """What `openssl s_client` prints that asks for `name`, or for none if it is empty."""
    asked = ("-servername", name) if name else ("-noservername",)
    process = await asyncio.create_subprocess_exec(
        OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", *asked, *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(20):
        output, _ = await process.communicate(say)
    return output.decode("latin-1")


async def test_versions(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", "a.example")
    async with wire(tmp_path, server=section(own)) as gate:
        port = gate.running.port
        for version in ("-tls1", "-tls1_1"):
            output = await s_client(port, version, *ANY)
            assert "alert protocol version" in output
            assert "Cipher is (NONE)" in output
        for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            output = await s_client(port, version, "-CAfile", str(authority.ca), "-alpn", "h2,http/1.1")
            assert f"New, {name}" in output or f"Protocol  : {name}" in output
            assert "Verify return code: 0 (ok)" in output
            assert "ALPN protocol: http/1.1" in output
            assert "Compression: NONE" in output
    async with wire(tmp_path, server=section(own, minimum_version="TLSv1.3")) as gate:
        assert "alert protocol version" in await s_client(gate.running.port, "-tls1_2")
        assert "TLSv1.3" in await s_client(gate.running.port)


@pytest.mark.parametrize("rsa_bits", [0, 2048])
async def test_ciphers_of_tls_1_2(tmp_path: Path, rsa_bits: int) -> None:
    """Forward secrecy and authenticated encryption, with either kind of key; nothing else."""
    auth = "RSA" if rsa_bits else "ECDSA"
    good = [f"ECDHE-{auth}-{rest}" for rest in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")]
    server = section(Authority(tmp_path).issue("own", "a.example", rsa_bits=rsa_bits))
    async with wire(tmp_path, server=server) as gate:
        port = gate.running.port
        for cipher in good:
            assert f"Cipher is {cipher}" in await s_client(port, "-tls1_2", "-cipher", cipher)
        all_others = ":!".join(["ALL:eNULL:@SECLEVEL=0", *good])
        output = await s_client(port, "-tls1_2", "-cipher", all_others)
        assert "alert handshake failure" in output


async def test_renegotiation_is_refused(tmp_path: Path) -> None:
    server = section(Authority(tmp_path).issue("own", "a.example"))
    async with wire(tmp_path, server=server) as gate:
        output = await s_client(gate.running.port, "-tls1_2", say=b"R\n")
        assert "no renegotiation" in output
        assert gate.running.metrics.snapshot().values["ostiary_tls_handshakes_total"]["full",] == 1


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_resumption_by_ticket(tmp_path: Path, version: str) -> None:
    """A forged ticket is none."""
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    own = clients.issue("service", "s.example", client=True)
    session = tmp_path / "session"
    identity = ("-cert", str(own.certificate), "-key", str(own.key))
    ask = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    async with wire(tmp_path, server=mutual(authority, "required", clients)) as gate:
        port = gate.running.port

        async def again(*options: str) -> str:
            return await s_client(port, version, "-quiet", "-ign_eof", *options, say=ask)

        assert "HTTP/1.1 200" in await again(*identity, "-sess_out", str(session))
        assert "HTTP/1.1 200" in await again("-sess_in", str(session))  # with no certificate but the session's
        results: Any = gate.running.metrics.snapshot().values["ostiary_tls_handshakes_total"]
        assert (results["full",], results["resumed",]) == (1, 1)
    async with wire(tmp_path, server=mutual(authority, "required", clients)) as gate:
        port = gate.running.port
        assert "HTTP/1.1 200" not in await again("-sess_in", str(session))  # another worker's ticket


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_clients_learn_why_they_are_refused(tmp_path: Path, version: str) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    strangers = Authority(tmp_path, "strangers")
    expired = clients.issue("expired", "s.example", client=True, ends=-DAY / 24)
    strange = strangers.issue("strange", "s.example", client=True)
    async with wire(tmp_path, server=mutual(authority, "required", clients)) as gate:
        for pair, alert in (
            (expired, "certificate expired"),
            (strange, "unknown ca"),
            (None, "required|handshake failure"),
        ):
            identity = () if pair is None else ("-cert", str(pair.certificate), "-key", str(pair.key))
            output = await s_client(gate.running.port, version, *identity, "-quiet", "-ign_eof", say=b"GET")
            assert any(f"alert {one}" in output or one in output for one in alert.split("|")), output
        assert gate.upstream.requests == []


async def test_names_that_are_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They end in exceptions within Python's own callback, which the diagnostics bound."""
    monkeypatch.setattr(sys, "unraisablehook", log_unraisable)
    server = section(Authority(tmp_path).issue("own", "a.example"))
    async with wire(tmp_path, server=server) as gate:
        for name in ("..", "x" * 64, "x" * 250, "\u00e9"):
            assert "Cipher is (NONE)" in await s_client(gate.running.port, name=name)
        for name in ("*", "*.example", "a.example\r\nX: y", ""):
            assert "CN = own" in await s_client(gate.running.port, name=name)
    assert {record.message for record in caplog.records} == {"An exception was ignored."}
