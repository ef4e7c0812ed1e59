"""The demo from start to end: provider and echo API in this process, the gateway in its own, then the tour."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ostiary.demo import echo
from ostiary.demo.configuration import Addresses, render
from ostiary.demo.gateway_process import GatewayFailed, gateway_process
from ostiary.demo.identity_provider import AUDIENCE, IdentityProvider
from ostiary.demo.loopback import HOST, bind, port_of, serving
from ostiary.demo.tour import tour

if TYPE_CHECKING:
    import socket

    from ostiary.demo.telling import Telling

_READY_WITHIN: Final = 60.0


class _Ports(NamedTuple):
    gateway: int
    admin: int
    provider: int
    echo: int


_PREFERRED: Final = _Ports(8080, 9090, 9000, 9001)
_ANY: Final = _Ports(0, 0, 0, 0)
"""Free ones, so that demos running at the same time are not in each other's way."""


async def run(telling: Telling, *, once: bool, workers: int) -> int:
    """Run the demo; return its exit code: 0, or 1 if a step was surprised or something did not start.

    Without `once` it stays up after the tour until cancelled or interrupted, on ports that are easy to remember if they
    are free. SIGTERM and SIGHUP end it as an interrupt does, and an interrupt does even where the shell that started it
    has interrupts ignored, as for a command in the background.
    """
    preferred = _ANY if once else _PREFERRED
    task = asyncio.current_task()
    if task is not None:
        # `nohup` has SIGHUP ignored, and means it; a terminal that closes sends it to end what it started.
        hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for ending in (signal.SIGINT, signal.SIGTERM, *hangup):
            asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ostiary-demo-")))
        provider_socket = bind(preferred.provider)
        if port_of(provider_socket) != preferred.provider:
            preferred = _ANY  # another demo has it, and may be about to take the others
        echo_socket = bind(preferred.echo)
        # The gateway makes sure itself that its ports are its alone; here they are only found to be free.
        with bind(preferred.gateway) as gateway_socket, bind(preferred.admin) as admin_socket:
            at = _addresses(gateway_socket, admin_socket, provider_socket, echo_socket)
        await stack.enter_async_context(serving(IdentityProvider(at.provider).application(), provider_socket))
        await stack.enter_async_context(serving(echo.application(), echo_socket))

        text = render(at, AUDIENCE, workers)
        path = folder / "ostiary.yaml"
        path.write_text(text, encoding="utf-8")
        started = time.monotonic()
        command = (sys.executable, "-m", "ostiary", "serve", "--config", str(path))
        gateway = await stack.enter_async_context(gateway_process(command, folder / "gateway.log"))
        try:
            await gateway.ready(f"{at.admin}/health/ready", _READY_WITHIN)
        except GatewayFailed as failed:
            telling.failure(str(failed))
            return 1
        telling.opening(at, path, text, time.monotonic() - started, workers)
        surprised = await tour(at, telling.step)
        telling.summary(len(surprised), sum(surprised))
        if not once:
            telling.farewell(at, path)
            with contextlib.suppress(asyncio.CancelledError):  # an interrupt is how it is meant to end
                await asyncio.Event().wait()
        return int(any(surprised))


def _addresses(*sockets: socket.socket) -> Addresses:
    return Addresses(*(f"http://{HOST}:{port_of(sock)}" for sock in sockets))
