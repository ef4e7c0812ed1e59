"""The body behind a head, whichever way the head announces its end (RFC 9112 section 6)."""

from __future__ import annotations

from math import inf

from ostiary.http.chunks import ChunkBounds, ChunkReader
from ostiary.http.framing import CHUNKED


class Body:
    """One body of so many octets, or `CHUNKED`, or `UNTIL_CLOSE`: feed it until `done`."""

    __slots__ = ("_chunks", "_left", "done")

    def __init__(self, length: int, bounds: ChunkBounds = ChunkBounds()) -> None:  # noqa: B008  # a constant
        self.done = length == 0
        self._left = length
        """Octets still to come; negative where that cannot be said."""
        self._chunks = ChunkReader(bounds) if length == CHUNKED else None

    def feed(self, data: bytes, most: float = inf) -> tuple[bytes, bytes]:
        """Take `data`; return the content in it, which may be none, and what follows the body. Raises `BadChunk`.

        For `most`, see `ChunkReader.feed`.
        """
        if self._chunks is not None:
            pieces, rest = self._chunks.feed(data, most)
            self.done = self._chunks.done
            return b"".join(pieces), rest  # many small chunks shall cost whoever gets them no more than they must
        left = self._left
        if left < 0:
            return data, b""
        self._left = max(left - len(data), 0)
        self.done = not self._left
        return data[:left], data[left:]
