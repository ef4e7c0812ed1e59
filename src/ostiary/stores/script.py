"""The script that takes tokens, and how its replies are read."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from ostiary.limit.bucket import answer
from ostiary.stores.protocol import ConnectionLost

if TYPE_CHECKING:
    from ostiary.stores.protocol import Taken

TEXT: Final = files("ostiary.stores").joinpath("lua/take.lua").read_bytes()
SHA: Final = sha1(TEXT, usedforsecurity=False).hexdigest()
"""The name by which the server knows the script."""

_MILLION: Final = 1_000_000


def checked(reply: object, expected: int) -> list[int]:
    """The reply, which must be a list of as many integers as there were takes; otherwise raises `ConnectionLost`."""
    if isinstance(reply, list) and len(reply) == expected and all(type(value) is int for value in reply):
        return reply
    raise ConnectionLost("the server's reply makes no sense")


def decode(millionths: int, rate: float, burst: int, cost: float) -> Taken:
    """What one integer of a reply says of a take at this `cost` (as charged)."""
    if millionths >= 0:
        return answer(True, millionths / _MILLION, rate, burst, cost)
    return answer(False, (-1 - millionths) / _MILLION, rate, burst, cost)
