"""The embedded store of a gateway with several workers: started before them, kept alive, ended after them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretBytes

from ostiary.config.model import Store
from ostiary.serve.backoff import Backoff
from ostiary.serve.supervisor import CannotServe
from ostiary.stores.embedded import EmbeddedValkey
from ostiary.stores.leftovers import sweep
from ostiary.stores.protocol import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def embedded_store(say: Callable[[str], None]) -> AsyncIterator[Store]:
    """Run a Valkey of our own while the context lasts. Raises `CannotServe` if it does not start.

    What gateways that were killed have left of theirs is removed first.
    """
    sweep(Path(tempfile.gettempdir()))
    server = EmbeddedValkey()
    try:
        await server.start()
    except (OSError, StoreUnavailable) as error:
        await server.stop()
        raise CannotServe(f"The embedded Valkey does not start: {error}.") from None
    keeper = asyncio.create_task(_keep(server, say))
    try:
        yield Store(url=SecretBytes(server.url.encode()))
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await server.stop()


async def _keep(server: EmbeddedValkey, say: Callable[[str], None]) -> None:
    backoff = Backoff()
    while True:
        started = time.monotonic()
        status = await server.wait()
        delay = backoff.after(time.monotonic() - started)
        say(f"The embedded Valkey ended (status {status}); starting another in {delay:g} s. Its limits begin anew.")
        await asyncio.sleep(delay)
        with contextlib.suppress(OSError, StoreUnavailable):
            await server.start()
