"""Fetching a small document from an identity provider, with every bound that a provider gone bad calls for (law 5)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from ostiary.config.addresses import is_loopback

if TYPE_CHECKING:
    import ssl

    import aiohttp

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 16 * 1024


class LoadError(Exception):
    """Keys could not be had from where they should be; its text says why and repeats nothing that was received."""


class Fetcher:
    """GETs documents of at most `max_bytes`, before and after decompression.

    Plain HTTP is used only towards loopback, unless `insecure`; a redirect is checked like the first address and
    never leads from HTTPS to HTTP. `tls` replaces the system's trust anchors. Deadlines are the caller's.
    """

    def __init__(self, max_bytes: int, *, insecure: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._max_bytes = max_bytes
        self._insecure = insecure
        self._tls = tls

    async def get(self, url: str) -> bytes:
        """Return the body of the 200 answer for `url`. Raises LoadError."""
        import aiohttp  # noqa: PLC0415  # 10 MB that a gateway with local keys does without

        try:
            async with aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(ssl=self._tls or True, force_close=True, ttl_dns_cache=None),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as session:
                return await self._follow(session, url)
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
            raise LoadError(f"fetch failed: {type(error).__name__}") from error

    async def _follow(self, session: aiohttp.ClientSession, url: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            async with session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    target = urljoin(url, response.headers.get("Location", ""))
                    if urlsplit(url).scheme == "https" != urlsplit(target).scheme:
                        raise LoadError("redirected from HTTPS to something else")
                    url = target
                    continue
                if response.status != 200:
                    raise LoadError(f"answered with status {response.status}")
                return await self._body(response)
        raise LoadError(f"redirected more than {MAX_REDIRECTS} times")

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read as much as is allowed; some servers compress whatever they are told."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise LoadError(f"longer than {self._max_bytes} bytes")
        coding = response.headers.get("Content-Encoding", "identity").lower()
        if coding == "identity":
            return bytes(body)
        if coding not in {"gzip", "x-gzip", "deflate"}:
            raise LoadError("compressed in a way that was not asked for")
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as its first octets say
        text = inflate.decompress(body, self._max_bytes + 1)
        if len(text) > self._max_bytes:
            raise LoadError(f"longer than {self._max_bytes} bytes when decompressed")
        if not inflate.eof:
            raise LoadError("compressed data is cut short")
        return text

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.username is not None or parts.hostname is None:
            raise LoadError("the address has no host, or a user")
        if parts.scheme == "https" or (parts.scheme == "http" and (self._insecure or is_loopback(parts.hostname))):
            return
        raise LoadError("plain HTTP is refused off loopback")
