"""A coroutine driven by hand goes on as a task where it left off."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.proxy.driving import finish_later


async def test_result() -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> str:
        first = await future
        await asyncio.sleep(0)
        return f"{first}!"

    coroutine = work()
    task = finish_later(coroutine, coroutine.send(None))
    future.set_result("done")
    assert await task == "done!"


async def test_exceptions_reach_the_coroutine_and_leave_it() -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        try:
            await future
        except OSError as error:
            raise ValueError from error

    coroutine = work()
    task = finish_later(coroutine, coroutine.send(None))
    future.set_exception(OSError())
    with pytest.raises(ValueError):  # noqa: PT011  # it has no text
        await task


async def test_cancelling_it_cancels_the_coroutine() -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended = True

    coroutine = work()
    task = finish_later(coroutine, coroutine.send(None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended
