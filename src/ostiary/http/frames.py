"""Where WebSocket frames end (RFC 6455 section 5.2), and nothing else about them.

A frame of the gateway's own may only be sent between two frames of the peers'. Once lost, that place cannot be found
again, so it is kept track of from the first octet: in the ordinary case of a read that is one frame, or lies within
one, by a comparison.
"""

from __future__ import annotations

import os
from typing import Final

_FIN_CLOSE: Final = 0x88
_OPCODE: Final = 0x0F
_CLOSE: Final = 0x08
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_TWO_OCTETS: Final = 126
_EIGHT_OCTETS: Final = 127
_AT_ONCE: Final = 2048
"""How many frames are followed in one call: about a millisecond's worth."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008


class Frames:
    """How far one direction of a WebSocket is within a frame."""

    __slots__ = ("_first", "_left", "_part")

    def __init__(self) -> None:
        self._first = 0
        """The first octet of the latest frame."""
        self._left = 0
        """Octets of it that are still to come."""
        self._part = b""
        """The beginning of a frame's header, if its end has not come yet."""

    @property
    def between(self) -> bool:
        """Whether the latest frame is complete."""
        return not self._left and not self._part

    @property
    def closed(self) -> bool:
        """Whether the latest frame is complete and was a Close frame: nothing may follow it."""
        return self.between and self._first & _OPCODE == _CLOSE

    def feed(self, data: bytes) -> bytes:
        """Follow the octets `data`, of which there is at least one; return those that are for another call.

        Nothing but that other call may come next then: a read of tiny frames has a hundred thousand of them.
        """
        size = len(data)
        left = self._left
        if left:
            if size <= left:
                self._left = left - size
                return b""
        elif size > 3 and not self._part:
            second = data[1]
            length = second & _LENGTH
            whole = length + 6 if second & _MASKED else length + 2
            if length == _TWO_OCTETS:
                whole += (data[2] << 8) + data[3] - 124
            if size == whole and length < _EIGHT_OCTETS:  # a frame by itself
                self._first = data[0]
                return b""
        return self._walk(data)

    def rest(self, data: bytes) -> bytes:
        """Follow `data` to the end of the frame under way at most; return what of `data` that is."""
        if self._left:
            piece = data[: self._left]
            self._left -= len(piece)
            return piece
        if not self._part:
            return b""
        whole = self._part + data
        size = _size(whole, 0)
        piece = data if size is None else data[: size - len(self._part)]
        self._walk(piece)
        return piece

    def _walk(self, data: bytes) -> bytes:
        here = self._left
        if self._part:
            data, self._part = self._part + data, b""
        end = len(data)
        for _ in range(_AT_ONCE):
            if here >= end:
                break
            size = _size(data, here)
            if size is None:
                self._part = data[here:]
                here = end
                break
            self._first = data[here]
            here += size
        self._left = max(here - end, 0)
        return data[here:]


def close_frame(code: int, *, masked: bool) -> bytes:
    """Return a Close frame with `code` (RFC 6455 sections 5.5.1 and 7.4.1); masked, as a client's must be."""
    payload = code.to_bytes(2, "big")
    if not masked:
        return bytes((_FIN_CLOSE, len(payload))) + payload
    mask = os.urandom(4)
    return (
        bytes((_FIN_CLOSE, _MASKED | len(payload))) + mask + bytes(a ^ b for a, b in zip(payload, mask, strict=False))
    )


def _size(data: bytes, here: int) -> int | None:
    """Return the octets of the frame at `here`, header and payload; None if the header is not complete."""
    if len(data) - here < 2:
        return None
    second = data[here + 1]
    length = second & _LENGTH
    header = 2
    if length >= _TWO_OCTETS:
        header = 4 if length < _EIGHT_OCTETS else 10
        if len(data) - here < header:
            return None
        length = int.from_bytes(data[here + 2 : here + header], "big")
    return header + (4 if second & _MASKED else 0) + length
