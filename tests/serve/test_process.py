from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ostiary.observe.snapshot import Snapshot
from ostiary.serve.messages import Status
from ostiary.serve.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Spawn = Callable[[str], Awaitable[WorkerProcess]]

PRELUDE = """
import os, socket, sys, time
import msgspec
end = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
def send(**message):
    data = msgspec.msgpack.encode(message)
    end.write(len(data).to_bytes(4, "big") + data)
    end.flush()
def receive():
    return msgspec.msgpack.decode(end.read(int.from_bytes(end.read(4), "big")))
start = receive()
"""


@pytest.fixture
async def spawn() -> AsyncIterator[Spawn]:
    """Start a worker that runs the given program instead of a gateway."""
    spawned: list[WorkerProcess] = []

    async def start(program: str) -> WorkerProcess:
        command = (sys.executable, "-c", PRELUDE + program)
        spawned.append(await WorkerProcess.spawn(1, {"a": "b"}, time.monotonic, command))
        return spawned[-1]

    yield start
    for worker in spawned:
        worker.kill()


def nothing() -> None:
    pass


async def test_what_a_worker_says_is_remembered(spawn: Spawn) -> None:
    ready: list[bool] = []
    worker = await spawn(
        "send(type='Ready')\n"
        "send(type='Status', ready=True, issuers={}, store_healthy=False)\n"
        "send(type='Collected', snapshot={'values': {'x': []}} if 0 else {})\n"
        "sys.exit(start['index'] + 6)"
    )
    code = await worker.attend(lambda: ready.append(worker.ready))
    assert (code, ready, worker.ready) == (7, [True], False)
    assert worker.status == Status(True, {}, False)
    assert worker.heard > worker.started


async def test_it_is_told_its_configuration(spawn: Spawn) -> None:
    worker = await spawn("send(type='Failed', message=repr(start))")
    assert await worker.attend(nothing) == 0
    assert worker.failure == "{'type': 'Start', 'config': {'a': 'b'}, 'index': 1}"


async def test_its_allocator_keeps_what_bodies_take_over_and_over(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless whoever runs the gateway knows better."""
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1234567")
    names = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "PATH")
    worker = await spawn(f"send(type='Failed', message=' '.join(os.environ[name] for name in {names}))")
    await worker.attend(nothing)
    assert worker.failure == f"1048576 1234567 {os.environ['PATH']}"


async def test_its_metrics_are_asked_for(spawn: Spawn) -> None:
    worker = await spawn(
        "assert receive() == {'type': 'Collect'}\n"
        "send(type='Collected', snapshot={'values': {'n': {('a',): 1}}, 'distributions': {}})\n"
        "receive()"
    )
    attending = asyncio.create_task(worker.attend(nothing))
    assert await worker.collect() == Snapshot({"n": {("a",): 1}})
    worker.drain(1)
    assert await attending == 0


async def test_one_that_does_not_answer_keeps_its_last_metrics(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.serve.process._COLLECT_SECONDS", 0.01)
    worker = await spawn("time.sleep(60)")
    worker.snapshot = Snapshot({"n": {(): 1}})
    assert await worker.collect() == Snapshot({"n": {(): 1}})
    worker.kill()
    assert await worker.attend(nothing) == -9


async def test_one_that_sends_what_is_no_message_is_killed(spawn: Spawn) -> None:
    worker = await spawn("end.write(b'\\xff' * 8); end.flush(); time.sleep(60)")
    assert await worker.attend(nothing) == -9


async def test_one_that_closes_its_channel_and_stays_is_killed(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.serve.process._EXIT_SECONDS", 0.01)
    worker = await spawn("os.closerange(3, 100); time.sleep(60)")
    assert await worker.attend(nothing) == -9


async def test_it_has_no_part_in_the_terminal_s_interrupts(spawn: Spawn) -> None:
    worker = await spawn("send(type='Failed', message=str(os.getpgid(0) == os.getpid()))")
    await worker.attend(nothing)
    assert worker.failure == "True"


async def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        await WorkerProcess.spawn(0, {}, time.monotonic, ("/nonexistent",))
