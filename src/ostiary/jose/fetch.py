"""Fetching a small document from an identity provider, with every bound that a provider gone bad calls for (law 5).

The gateway's own reading of HTTP/1 serves here too: a packaged client would cost each worker 10 MB, and a third of a
second in which its event loop serves nobody, to send one request in five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import zlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urljoin

from ostiary.config.addresses import is_loopback, port_of, split
from ostiary.jose.answer import HEAD_BYTES, BadAnswer, read_body, read_head
from ostiary.observe.cause import cause

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from ostiary.jose.answer import AnswerHead

    _Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
    """As `getaddrinfo` gives them."""

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PATIENCE: Final = 1.0
"""Seconds that an address may take to accept a connection while there are others to try."""


class LoadError(Exception):
    """Keys could not be had from where they should be.

    Its text says why, and of what was received it repeats no more than the host that a redirect or document led to.
    """


class Fetcher:
    """GETs documents of at most `max_bytes`, before and after decompression.

    Plain HTTP is used only towards loopback, unless `insecure`; a redirect is checked like the first address and
    never leads from HTTPS to HTTP. `tls` replaces the system's trust anchors. Proxies are never used. Deadlines are the
    caller's: a `get` that is cancelled, whatever it waits for, has closed its connection.
    """

    def __init__(self, max_bytes: int, *, insecure: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._max_bytes = max_bytes
        self._insecure = insecure
        self._tls = tls

    async def get(self, url: str) -> bytes:
        """Return the body of the 200 answer for `url`. Raises LoadError."""
        try:
            return await self._follow(url)
        except BadAnswer as error:
            raise LoadError(str(error)) from None
        except zlib.error as error:
            raise LoadError("the compressed data is damaged") from error
        except ValueError as error:
            raise LoadError("the address cannot be used") from error

    async def _follow(self, url: str) -> bytes:
        scheme = ""
        for _ in range(MAX_REDIRECTS + 1):
            parts = self._checked(url)
            if scheme == "https" != parts.scheme:
                raise LoadError("redirected from HTTPS to plain HTTP")
            scheme = parts.scheme
            try:
                head, body = await self._ask(parts)
            except OSError as error:
                raise LoadError(cause(error, parts.hostname or "", port_of(parts))) from error
            if head.status == 200:
                return _inflated(body, head.coding, self._max_bytes)
            if head.status not in _REDIRECTS:
                raise LoadError(f"answered with status {head.status}")
            url = urldefrag(urljoin(url, head.location.decode("ascii"))).url
        raise LoadError(f"redirected more than {MAX_REDIRECTS} times")

    def _checked(self, url: str) -> SplitResult:
        parts = split(url)
        if parts is None:
            raise LoadError("the address is no http or https URL with a host and without a user")
        if parts.scheme == "http" and not self._insecure and not is_loopback(parts.hostname or ""):
            raise LoadError("plain HTTP is refused off loopback")
        return parts

    async def _ask(self, parts: SplitResult) -> tuple[AnswerHead, bytes]:
        """Send one request; return the answer's head, and its body if the status is 200."""
        host, tls = parts.hostname or "", None
        if parts.scheme == "https":
            # Reading the system's trust anchors takes 20 ms; done each time, it notices when they are renewed.
            tls = self._tls or await asyncio.to_thread(ssl.create_default_context)
        sock = await _connect(host, port_of(parts))
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname=host if tls else None, limit=HEAD_BYTES
        )
        try:
            target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
            writer.write(
                f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: ostiary\r\nAccept: application/json\r\n"
                "Accept-Encoding: identity\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            head = await read_head(reader)
            return head, await read_body(reader, head, self._max_bytes) if head.status == 200 else b""
        finally:
            writer.transport.abort()


async def _connect(host: str, port: int) -> socket.socket:
    """Connect to the first address of `host` that accepts."""
    loop = asyncio.get_running_loop()
    *others, last = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for address in others:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_PATIENCE):
                return await _connect_to(address)
    return await _connect_to(last)


async def _connect_to(address: _Address) -> socket.socket:
    family, kind, protocol, _, end = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, end)
    except BaseException:
        sock.close()
        raise
    return sock


def _inflated(body: bytes, coding: str, max_bytes: int) -> bytes:
    """Undo the compression, which some servers apply whatever they are asked for."""
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise LoadError("compressed in a way that was not asked for")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as its first octets say
    text = inflate.decompress(body, max_bytes + 1)
    if len(text) > max_bytes:
        raise LoadError(f"longer than {max_bytes} bytes when decompressed")
    if not inflate.eof:
        raise LoadError("compressed data is cut short")
    return text
