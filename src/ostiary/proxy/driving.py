"""Drive a coroutine by hand until it first suspends, and only then give it a Task (law 9)."""

from __future__ import annotations

import asyncio
import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


def finish_later(coroutine: Coroutine[Any, Any, T], awaited: object) -> asyncio.Task[T]:
    """Return a task that carries on a coroutine which was started by ``send(None)`` and has yielded `awaited`."""
    return asyncio.ensure_future(_rest(coroutine, awaited))


async def _rest(coroutine: Coroutine[Any, Any, T], awaited: object) -> T:
    return await _resume(coroutine, awaited)


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, T], awaited: object) -> Generator[Any, Any, T]:
    while True:
        sent, thrown = None, None
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001  # cancellation too belongs to the coroutine
            thrown = error
        try:
            awaited = coroutine.send(sent) if thrown is None else coroutine.throw(thrown)
        except StopIteration as done:
            return cast("T", done.value)
