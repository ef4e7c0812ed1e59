from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import msgspec
from click.testing import CliRunner

from ostiary.demo import echo
from ostiary.demo.echo import Echo, application
from ostiary.demo.loopback import HOST, bind, port_of, serving

if TYPE_CHECKING:
    import pytest


async def test_it_answers_with_what_it_received() -> None:
    sock = bind(0)
    async with serving(application(), sock), aiohttp.ClientSession() as session:
        url = f"http://{HOST}:{port_of(sock)}/a/b?c=d"
        headers = [("X-Twice", "one"), ("X-Twice", "two")]
        async with session.put(url, data=b"x" * 100_000, headers=headers) as answer:
            body = await answer.read()
            received = msgspec.json.decode(body, type=Echo)
    assert body.endswith(b"}\n")  # so that a terminal's prompt begins a line
    assert (received.method, received.path, received.body_bytes) == ("PUT", "/a/b?c=d", 100_000)
    assert received.headers["X-Twice"] == "one, two"


def test_running_alone_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(echo, "run_alone", lambda _app, sock: served.append(sock))
    result = CliRunner().invoke(echo.main, ["--port", "0"])
    with served[0] as sock:
        assert result.output == f"http://127.0.0.1:{port_of(sock)}/\n"
