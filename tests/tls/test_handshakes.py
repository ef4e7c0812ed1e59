from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import logged
from tests.tls.memory import Ground, Wired

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bound(tmp_path: Path) -> None:
    ground = Ground(tmp_path, limit=2)
    waiting = [Wired(ground.context, ground.client()) for _ in range(2)]
    with pytest.raises(ConnectionAbortedError):
        Wired(ground.context, ground.client())
    waiting[0].shake()
    Wired(ground.context, ground.client()).shake()
    assert ground.results() == {"full": 2, "refused": 1}


async def test_what_the_security_log_hears(tmp_path: Path) -> None:
    """Of certificates that were refused; not of whoever does not speak TLS at all."""
    ground = Ground(tmp_path)
    for error in (
        ConnectionResetError(),
        ssl.SSLError(1, "[SSL: HTTP_REQUEST] http request"),
        ssl.SSLCertVerificationError("client certificate not valid at this time"),
    ):
        ground.handshakes.failed(error)
    ground.writer.close()
    (event,) = logged(ground.log)
    assert event["event"] == "client_certificate_refused"
    assert event["detail"] == "client certificate not valid at this time"
    assert ground.results() == {"failed": 3}
