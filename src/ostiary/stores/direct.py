"""One connection to one server, kept open: RESP2 through hiredis, over TCP, TLS or a Unix socket."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

import hiredis

from ostiary.stores import wording
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted

if TYPE_CHECKING:
    from ostiary.stores.address import Address
    from ostiary.stores.line import Command

_PIECE: Final = 64 * 1024
_UNFINISHED: Final = object()

_MEANINGS: Final[dict[str, tuple[type[Exception], str]]] = {
    "NOSCRIPT": (Unscripted, ""),
    "NOAUTH": (StoreMisconfigured, wording.BAD_LOGIN),
    "WRONGPASS": (StoreMisconfigured, wording.BAD_LOGIN),
    "NOPERM": (StoreMisconfigured, wording.BAD_RULES),
    "MOVED": (StoreMisconfigured, wording.A_CLUSTER),
    "READONLY": (ConnectionLost, wording.A_REPLICA),
    "LOADING": (StoreUnavailable, wording.LOADING),
    "OOM": (StoreUnavailable, wording.OUT_OF_MEMORY),
    "CLUSTERDOWN": (StoreUnavailable, wording.CLUSTER_DOWN),
    "TRYAGAIN": (StoreUnavailable, wording.MOVING),
}
"""What the codes of the server's errors mean."""


class Direct:
    """A line to the one server at `address`. `connect_timeout` is seconds and bounds the login, too."""

    def __init__(self, address: Address, connect_timeout: float) -> None:
        self._address: Final = address
        self._connect_timeout: Final = connect_timeout
        self._parser = hiredis.Reader(notEnoughData=_UNFINISHED)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, command: Command) -> object:
        """See `Line.call`."""
        try:
            if self._writer is None:
                async with asyncio.timeout(self._connect_timeout):
                    await self._open()
            reply = await self._exchange(command)
        except TimeoutError:
            self._abort()
            raise ConnectionLost(wording.TIMED_OUT) from None
        except OSError:
            self._abort()
            raise ConnectionLost(wording.FAILED) from None
        except hiredis.ProtocolError:
            self._abort()
            raise ConnectionLost(wording.NONSENSE) from None
        except BaseException:
            self._abort()
            raise
        if isinstance(reply, hiredis.ReplyError):
            raise _meaning(str(reply))
        return reply

    async def close(self) -> None:
        """See `Line.close`."""
        self._abort()

    async def _open(self) -> None:
        """Connect and log in."""
        at = self._address
        self._parser = hiredis.Reader(notEnoughData=_UNFINISHED)
        if at.kind == "unix":
            self._reader, self._writer = await asyncio.open_unix_connection(at.path)
        else:
            [(host, port)] = at.hosts
            tls = await asyncio.to_thread(ssl.create_default_context, cafile=at.ca) if at.tls else None
            self._reader, self._writer = await asyncio.open_connection(host, port, ssl=tls)
        if at.username or at.password:
            reply = await self._exchange(("AUTH", *([at.username] if at.username else []), at.password or ""))
            if isinstance(reply, hiredis.ReplyError):
                raise _meaning(str(reply), StoreMisconfigured(wording.BAD_LOGIN))
        if at.database:
            reply = await self._exchange(("SELECT", at.database))
            if isinstance(reply, hiredis.ReplyError):
                raise _meaning(str(reply))

    async def _exchange(self, command: Command) -> object:
        """Send and return the reply, which may be an error of the server's. Raises OSError, hiredis.ProtocolError."""
        assert self._writer is not None  # noqa: S101  # `call` has opened it
        # Nobody waits for the buffer to drain: the next command comes after the reply to this one.
        self._writer.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # annotated as a tuple of one
        while (reply := self._parser.gets()) is _UNFINISHED:
            data = await self._reader.read(_PIECE)
            if not data:
                raise ConnectionResetError
            self._parser.feed(data)
        return reply

    def _abort(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


def _meaning(text: str, otherwise: Exception | None = None) -> Exception:
    """What an error of the server's means. Its text stays behind: it may quote what was sent."""
    code = text.partition(" ")[0][:32]
    if code in _MEANINGS:
        kind, ours = _MEANINGS[code]
        return kind(ours)
    if code in wording.PASSING:
        return StoreUnavailable(code)
    if otherwise is not None:
        return otherwise
    # What a script may not call is told without a code of its own.
    return StoreMisconfigured(wording.BAD_RULES if "ACL failure" in text else f"the store answered {code}")
