"""Ports and small aiohttp servers, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import secrets
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST: Final = "127.0.0.1"
_FREE: Final = range(20_000, 32_768)
_ATTEMPTS: Final = 64
_TAKEN: Final = frozenset((errno.EADDRINUSE, errno.EACCES))


def bind(preferred: int = 0) -> socket.socket:
    """Return a socket bound, not listening, to `preferred`, or to a free port if that is taken or 0.

    A free port is one from below those that the system gives to outgoing connections: it will still be free a moment
    later, when another process is told to listen there. Raises OSError if there is none.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    free = (secrets.choice(_FREE) for _ in range(_ATTEMPTS))
    for port in itertools.chain((preferred,) if preferred else (), free):
        try:
            sock.bind((HOST, port))
        except OSError as error:
            if error.errno not in _TAKEN:
                sock.close()
                raise
        else:
            return sock
    sock.close()
    raise OSError(errno.EADDRINUSE, "no free port on loopback")


def port_of(sock: socket.socket) -> int:
    """Return the local port of an IPv4 socket."""
    port: int = sock.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def serving(app: web.Application, sock: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on the bound `sock` for as long as the context is open."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()
        sock.close()


def run_alone(app: web.Application, sock: socket.socket) -> None:
    """Serve `app` until interrupted: for running one of the parts by itself."""

    async def forever() -> None:
        async with serving(app, sock):
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(forever())
