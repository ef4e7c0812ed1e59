"""The chunked coding, read strictly (RFC 9112 section 7.1).

Sizes are plain hexadecimal digits without white space around them, every line ends in CRLF. Extensions and trailers are
read, bounded and dropped: nothing that came after the head counts. Chunks must be worth their overhead: a body of
single octets is an attack on the reader.
"""

from __future__ import annotations

import re
from math import inf
from typing import Final, Literal, NamedTuple

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_FREE_OVERHEAD: Final = 64 * 1024
_OVERHEAD_RATIO: Final = 4
"""Octets of sizes, extensions and line ends that each octet of content may bring along, beyond the free ones."""


Bound = Literal["chunk_line", "trailer", "chunk_overhead"]
"""What of a body can be too much, as the metrics call it."""


class ChunkBounds(NamedTuple):
    """How many octets a line with a size and its extensions may have, and all trailers together."""

    line: int = 4096
    trailer: int = 8192


class BadChunk(Exception):
    """The body cannot be read one way only, or, over a `bound`, is not worth reading."""

    def __init__(self, bound: Bound | None = None) -> None:
        super().__init__(bound)
        self.bound = bound


class ChunkReader:
    """One chunked body. Feed it until `done`."""

    __slots__ = ("_between", "_bounds", "_content", "_left", "_overhead", "_part", "_trailer_bytes", "done")

    def __init__(self, bounds: ChunkBounds = ChunkBounds()) -> None:  # noqa: B008  # a constant
        self.done = False
        self._bounds = bounds
        self._part = b""
        """The beginning of a line whose end has not come yet."""
        self._left = 0
        """Octets of the current chunk still to come."""
        self._between = False
        """Whether the line end behind a chunk's content is due."""
        self._trailer_bytes = -1
        """Octets of trailers so far; negative before the last chunk."""
        self._content = 0
        self._overhead = 0

    def feed(self, data: bytes, most: float = inf) -> tuple[list[bytes], bytes]:
        """Take `data`; return the pieces of content in it, and what follows the end of the body. Raises `BadChunk`.

        No more than `most` lines are read: while it is not `done`, what is returned behind them is to be fed again.
        """
        pieces: list[bytes] = []
        if self._part:
            data, self._part = self._part + data, b""
        at = 0
        while not self.done:
            if most <= 0:
                return pieces, data[at:]
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    return pieces, b""
                pieces.append(piece)
                at += len(piece)
                self._content += len(piece)
                self._left -= len(piece)
                self._between = not self._left
                continue
            longest = self._bounds.line
            end = data.find(b"\r\n", at, at + longest)
            if end < 0:
                self._part = data[at:]
                if self._between and self._part not in {b"", b"\r"}:
                    raise BadChunk
                if len(self._part) >= longest:
                    raise BadChunk("chunk_line" if self._trailer_bytes < 0 else "trailer")
                return pieces, b""
            self._line(data[at:end])
            at = end + 2
            most -= 1
        return pieces, data[at:]

    def _line(self, line: bytes) -> None:
        if self._between:
            if line:
                raise BadChunk
            self._between = False
        elif self._trailer_bytes >= 0:
            self._trailer(line)
        else:
            size = _SIZE_LINE.fullmatch(line)
            if size is None:
                raise BadChunk
            self._left = int(size.group(1), 16)
            if not self._left:
                self._trailer_bytes = 0
        self._overhead += len(line) + 2
        if self._overhead > _FREE_OVERHEAD + _OVERHEAD_RATIO * self._content:
            raise BadChunk("chunk_overhead")

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailer_bytes += len(line) + 2
        if self._trailer_bytes > self._bounds.trailer:
            raise BadChunk("trailer")
        if not _TRAILER.fullmatch(line):
            raise BadChunk
