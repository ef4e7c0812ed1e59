"""One end of the socket pair between the supervisor and a worker: messages in frames of bounded length."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from ostiary.serve.messages import FromWorker, ToWorker

if TYPE_CHECKING:
    from typing import Self

_HEADER: Final = 4
_LONGEST: Final = 64 * 1024 * 1024
"""Bytes of the largest message: the configuration, or the metrics, of some hundred thousand routes."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class ChannelBroken(Exception):
    """What came is not a message."""


class Channel(Generic[_In, _Out]):
    """Receives `_In` and sends `_Out`, in order, each a msgpack message behind its length in four bytes."""

    def __init__(self, incoming: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401  # a union is no `type`
        self._decode = msgspec.msgpack.Decoder(incoming).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, incoming: Any, end: socket.socket) -> Self:  # noqa: ANN401  # as above
        """Take over `end`, from which messages of the types `incoming` are expected."""
        reader, writer = await asyncio.open_connection(sock=end)
        return cls(incoming, reader, writer)

    def send(self, message: _Out) -> None:
        """Send without waiting. An end that is gone, or has long taken nothing, gets nothing: `receive` tells."""
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _LONGEST:
            data = self._encode(message)
            self._writer.write(len(data).to_bytes(_HEADER) + data)

    async def receive(self) -> _In | None:
        """Wait for the next message; None once the other end is gone. Raises `ChannelBroken`."""
        try:
            size = int.from_bytes(await self._reader.readexactly(_HEADER))
            if size > _LONGEST:
                raise ChannelBroken(f"a message of {size} bytes")
            return self._decode(await self._reader.readexactly(size))  # type: ignore[no-any-return]  # the decoder was made for `_In`
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except msgspec.DecodeError as error:
            raise ChannelBroken(str(error)) from None

    async def close(self) -> None:
        """Send what is left and close."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


WorkerEnd = Channel[ToWorker, FromWorker]
SupervisorEnd = Channel[FromWorker, ToWorker]


async def worker_end(fd: int) -> WorkerEnd:
    """Open the worker's end, inherited as the file descriptor `fd`."""
    return await WorkerEnd.open(ToWorker, socket.socket(fileno=fd))


async def supervisor_end(end: socket.socket) -> SupervisorEnd:
    """Open the supervisor's end."""
    return await SupervisorEnd.open(FromWorker, end)
