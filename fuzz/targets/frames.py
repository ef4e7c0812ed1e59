"""WebSocket frames: their ends are found in the same places however the octets are cut on the way."""

from __future__ import annotations

import random

from ostiary.http.frames import Frames


def check(data: bytes) -> None:
    """Follow `data` whole, in pieces, and octet by octet, and compare with the frames counted out."""
    if not data:
        return
    ends = _ends(data)
    between = ends[-1] == len(data)
    chance = random.Random(len(data))
    cuts = sorted({chance.randrange(1, len(data) + 1) for _ in range(4)} - {len(data)})
    ways = [[0, *cuts], [0]] + ([list(range(len(data)))] if len(data) <= 512 else [])
    for starts in ways:
        frames = Frames()
        for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
            frames.feed(data[start:end])
            assert frames.between == (end in ends)
        assert frames.between == between
        last = max((at for at in ends if at < len(data)), default=0)
        assert frames.closed == (between and data[last] & 0x0F == 0x08)
    _rest(data, chance.randrange(1, len(data) + 1), ends)


def _rest(data: bytes, at: int, ends: list[int]) -> None:
    """What is left of a frame under way ends where the frame does."""
    frames = Frames()
    frames.feed(data[:at])
    sent = frames.rest(data[at:]) if at < len(data) else b""
    following = [end for end in ends if end >= at]
    assert data[at:].startswith(sent)
    # Where the header itself was incomplete and its end came now, no more than the frame is taken.
    assert at + len(sent) <= (following[0] if following else len(data))
    if following and not frames.between:
        again = frames.rest(data[at + len(sent) :])
        assert at + len(sent) + len(again) <= following[0]


def _ends(data: bytes) -> list[int]:
    """Return where complete frames end, from the first octet on (RFC 6455 section 5.2)."""
    ends = [0]
    at = 0
    while at + 2 <= len(data):
        length = data[at + 1] & 0x7F
        extra = {126: 2, 127: 8}.get(length, 0)
        if at + 2 + extra > len(data):
            break
        if extra:
            length = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
        at += 2 + extra + length + (4 if data[at + 1] & 0x80 else 0)
        if at > len(data):
            break
        ends.append(at)
    return ends
