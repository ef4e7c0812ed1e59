from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import msgspec
import pytest

from ostiary.serve.channel import ChannelBroken, supervisor_end, worker_end
from ostiary.serve.messages import Collect, Drain, Failed, Ready, Start, ToWorker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def test_messages_arrive_whole_and_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    supervisor, worker = await supervisor_end(pair[0]), await worker_end(pair[1].detach())
    sent: list[ToWorker] = [Start({"a": "x" * 1_000_000}, 1), Collect(), Drain(1.5)]
    for message in sent:
        supervisor.send(message)
    assert [await worker.receive() for _ in sent] == sent
    worker.send(Ready())
    assert await supervisor.receive() == Ready()
    await worker.close()
    assert await supervisor.receive() is None
    supervisor.send(Collect())  # to nobody
    await supervisor.close()


async def test_the_last_words_of_an_end_that_closes_arrive(pair: tuple[socket.socket, socket.socket]) -> None:
    supervisor, worker = await supervisor_end(pair[0]), await worker_end(pair[1].detach())
    worker.send(Failed("no"))
    await worker.close()
    assert await supervisor.receive() == Failed("no")
    assert await supervisor.receive() is None
    await supervisor.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x01\xc0",
        len(msgspec.msgpack.encode(Collect())).to_bytes(4) + msgspec.msgpack.encode(Collect()),
    ],
    ids=["too long", "no msgpack", "no message", "a message of the other direction"],
)
async def test_what_is_no_message_is_refused(frame: bytes, pair: tuple[socket.socket, socket.socket]) -> None:
    supervisor = await supervisor_end(pair[0])
    pair[1].send(frame)
    with pytest.raises(ChannelBroken):
        await supervisor.receive()
    await supervisor.close()


async def test_half_a_message_is_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    supervisor = await supervisor_end(pair[0])
    pair[1].send(b"\x00\x00\x00\x09half")
    pair[1].close()
    assert await supervisor.receive() is None
    await supervisor.close()
