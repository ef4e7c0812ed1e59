"""Where the text of a JWK Set comes from: a URL, OpenID discovery or a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from ostiary.config.files import Unreadable, read_file
from ostiary.jose.fetch import LoadError
from ostiary.jose.strict_json import parse_object

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.jose.fetch import Fetcher


class Loader(Protocol):
    """One way to get the text of a JWK Set."""

    async def load(self) -> bytes:
        """Return the text as it is now. Raises LoadError. The caller sets the deadline."""


class UrlLoader:
    """The JWK Set at a fixed URL."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def load(self) -> bytes:
        """Fetch it."""
        return await self._fetcher.get(self._url)


class DiscoveryLoader:
    """The JWK Set that the issuer's discovery document names (OpenID Connect Discovery section 4).

    The document is read anew every time, so that a provider may move its keys.
    """

    def __init__(self, fetcher: Fetcher, issuer: str) -> None:
        self._fetcher = fetcher
        self._issuer = issuer

    async def load(self) -> bytes:
        """Fetch the document, then the JWK Set. The document must be about this very issuer (section 4.3)."""
        text = await self._fetcher.get(self._issuer.removesuffix("/") + "/.well-known/openid-configuration")
        try:
            document = parse_object(text)
        except ValueError as error:
            raise LoadError("the discovery document is not a JSON object") from error
        if document.get("issuer") != self._issuer:
            raise LoadError("the discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise LoadError("the discovery document has no jwks_uri")
        if self._issuer.startswith("https:") and not url.startswith("https:"):
            raise LoadError("the discovery document leads from HTTPS to plain HTTP")
        return await self._fetcher.get(url)


class FileLoader:
    """The JWK Set in a local file of at most `max_bytes`; a changed file counts from the next refresh."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    async def load(self) -> bytes:
        """Read the file, in a thread: it may be on a network."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        try:
            return read_file(self._path, self._max_bytes)
        except Unreadable as error:
            raise LoadError(f"the file {error.message}") from error
