from __future__ import annotations

import contextlib
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest

from ostiary.tls.session import Session
from tests.support.certificates import DAY
from tests.tls.memory import Ground, Wired

if TYPE_CHECKING:
    from pathlib import Path


def session_of(wired: Wired) -> Session:
    assert isinstance(wired.server, Session)
    return wired.server


def test_what_a_handshake_tells(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "optional")
    own = ground.authority.issue("orders", "orders.internal", client=True)
    wired = Wired(ground.context, ground.client(own), "A.example")
    assert ground.handshakes.pending == 1
    wired.shake()
    session = session_of(wired)
    assert session.server_name == "a.example"
    assert session.certificate is not None
    assert session.certificate.dns_names == ("orders.internal",)
    assert ground.handshakes.pending == 0
    assert ground.results() == {"full": 1}


def test_bytes_of_any_size_go_through(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    wired = Wired(ground.context, ground.client())
    wired.shake()
    with pytest.raises(ssl.SSLWantReadError):
        wired.server.read(100)
    sent = bytes(range(256)) * 300
    wired.client.write(sent)
    wired.carry()
    received = b""
    with contextlib.suppress(ssl.SSLWantReadError):
        while True:
            received += wired.server.read(1000)  # less than a record: the rest waits within OpenSSL
    assert received == sent
    wired.client.write(b"x")
    half = wired._up.read()
    wired.up.write(half[:10])
    with pytest.raises(ssl.SSLWantReadError):
        wired.server.read(100)
    wired.up.write(half[10:])
    assert wired.server.read(100) == b"x"
    with pytest.raises(ssl.SSLWantReadError):
        wired.client.unwrap()
    wired.carry()
    assert wired.server.read(100) == b""


def test_one_that_is_left_alone_is_abandoned(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    wired = Wired(ground.context, ground.client())
    with pytest.raises(ssl.SSLWantReadError):
        wired.server.do_handshake()
    del wired
    assert ground.handshakes.pending == 0
    assert ground.results() == {"abandoned": 1}


async def test_a_failure_is_told_first_and_raised_then(tmp_path: Path) -> None:
    """An event loop sends the alert only while it waits for more."""
    ground = Ground(tmp_path, "required")
    client = ground.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    wired = Wired(ground.context, client)
    with pytest.raises(ssl.SSLError, match="ALERT"):
        wired.shake()
    with pytest.raises(ssl.SSLError, match="failed before"):
        wired.server.do_handshake()
    assert ground.handshakes.pending == 1  # as long as there is a connection, and not until garbage is collected
    del wired
    assert ground.handshakes.pending == 0
    assert ground.results() == {"failed": 1}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_outlives_no_certificate(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """OpenSSL does not look at it again when a session is resumed; this does."""
    ground = Ground(tmp_path, "required")
    context = ground.client(ground.authority.issue("orders", client=True, ends=DAY))
    context.maximum_version = version

    def connect(session: ssl.SSLSession | None) -> Wired:
        wired = Wired(ground.context, context, session=session)
        wired.shake()
        with pytest.raises(ssl.SSLWantReadError):
            wired.client.read()  # and with it the tickets
        return wired

    first = connect(None)
    second = connect(first.client.session)
    assert second.client.session_reused
    assert session_of(second).certificate == session_of(first).certificate is not None
    ground.clock.now += (DAY + dt.timedelta(minutes=1)).total_seconds()
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid at this time"):
        connect(second.client.session)
    assert ground.results() == {"full": 1, "resumed": 1, "failed": 1}
