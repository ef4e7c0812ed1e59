from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from ostiary.proxy.writing import write_pieces

if TYPE_CHECKING:
    import asyncio

HEAD, BODY = b"a" * 300, b"b" * 100_000


class Transport:
    """Remembers what it was given, object for object."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.written += pieces


def written(*pieces: bytes) -> list[bytes]:
    transport = Transport()
    write_pieces(cast("asyncio.Transport", transport), list(pieces))
    return transport.written


def test_small_pieces_are_one_write() -> None:
    assert written(HEAD, b"body", b"end") == [HEAD + b"bodyend"]


@pytest.mark.parametrize("pieces", [(BODY,), (HEAD, BODY), (HEAD, BODY, b"end")])
def test_a_large_piece_is_not_copied(pieces: tuple[bytes, ...]) -> None:
    found = written(*pieces)
    assert found == list(pieces)
    assert any(piece is BODY for piece in found)
