"""A process of its own that asks a store for many tokens at once: ``python -m tests.stores.taker URL KEY COUNT``.

Says ``ready``, waits for a line, takes, and prints how many were granted.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import SecretBytes

from ostiary.config.model import Store
from ostiary.stores.valkey import ValkeyStore


async def main(url: str, key: str, count: int) -> None:
    store = ValkeyStore(Store(url=SecretBytes(url.encode()), command_timeout=10.0))
    await store.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    taken = await asyncio.gather(*(store.take(key, 10.0, 100, 1.0, 0.0) for _ in range(count)))
    sys.stdout.write(f"{sum(one.allowed for one in taken)}\n")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
