"""Bring up the whole of `ostiary serve` in order, and take it down in the opposite one."""

from __future__ import annotations

import os
import socket
import sysconfig
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import TYPE_CHECKING

from ostiary.config.scalars import Endpoint
from ostiary.serve.admin import Admin
from ostiary.serve.banner import banner
from ostiary.serve.embedded import embedded_store
from ostiary.serve.interpreter import profile_guided
from ostiary.serve.processors import processors
from ostiary.serve.reservation import Reservation
from ostiary.serve.supervisor import CannotServe, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Config


async def serve(config: Config, say: Callable[[str], None]) -> None:
    """Serve `config` until a signal says otherwise, telling `say` what an operator should know.

    Raises `CannotServe` if something is in the way that another attempt would meet again.
    """
    workers = processors() if config.server.workers == "auto" else config.server.workers
    release = version("ostiary")
    async with AsyncExitStack() as stack:
        try:
            reservation = Reservation(config.server.listen)
        except OSError as error:
            where = f"{config.server.listen} (server.listen)"
            raise CannotServe(f"The gateway cannot listen on {where}: {_why(error)}.") from None
        stack.callback(reservation.close)
        listen = reservation.endpoint
        settled = config.model_copy(update={"server": config.server.model_copy(update={"listen": listen})})
        if config.limits and config.store is None and workers > 1:
            settled = settled.model_copy(update={"store": await stack.enter_async_context(embedded_store(say))})

        supervisor = Supervisor(settled, workers, release, say)
        admin = Admin(config.admin.listen, supervisor)
        stack.push_async_callback(admin.close)
        try:
            await admin.start()
        except OSError as error:
            where = f"{config.admin.listen} (admin.listen)"
            raise CannotServe(f"The admin listener cannot listen on {where}: {_why(error)}.") from None
        supervisor.stop_on_signals()
        admin_at = Endpoint(config.admin.listen.host, admin.port)
        guided = profile_guided(sysconfig.get_config_vars())
        await supervisor.run(lambda: say(banner(config, workers, release, listen, admin_at, guided=guided)))


def _why(error: OSError) -> str:
    """Say what is in the way in the system's words; asyncio's own repeat the address."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return str(error.strerror or error)
    return os.strerror(error.errno)
