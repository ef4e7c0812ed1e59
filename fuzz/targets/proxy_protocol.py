"""The PROXY protocol: a header has one end and one meaning, whatever is behind it and however it is cut."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from ostiary.http.forwarded import read_address
from ostiary.http.proxy_protocol import BadHeader, Header, read_header

_MOST: Final = 1024
_LINE: Final = 107
_SEVERAL: Final = 64
"""Octets up to which every beginning is read, too; of longer ones, as many places."""


def check(data: bytes) -> None:
    """Read `data`, its beginnings, and what a socket would be left with."""
    whole = read_header(data, _MOST)
    step = max(1, len(data) // _SEVERAL)
    for end in range(0, len(data), step):
        part = read_header(data[:end], _MOST)
        # Once judged, it is judged for good.
        assert part is None or part == whole, end
    if isinstance(whole, Header):
        assert 0 < whole.length <= min(len(data), _MOST)
        assert read_header(data[: whole.length], _MOST) == whole
        assert read_header(data[: whole.length - 1], _MOST) is None
        _tells(whole, data)
    elif whole is None:
        assert len(data) < _MOST
    else:
        assert whole.detail.isascii()


def _tells(found: Header, data: bytes) -> None:
    header = data[: found.length]
    if found.address is not None:
        address = ip_address(found.address)
        assert read_address(found.address) == found.address
        assert not address.is_unspecified
        assert not address.is_multicast
    if header.startswith(b"PROXY "):
        assert len(header) <= _LINE
        assert header.count(b"\r\n") == 1
        assert header.isascii()
        if found.address is not None:
            words = header[:-2].decode("ascii").split(" ")
            assert read_address(words[2]) == found.address
            assert " ".join([*words[:4], *(str(int(port)) for port in words[4:])]) == header[:-2].decode("ascii")
    else:
        assert found.length == 16 + int.from_bytes(header[14:16], "big")
        assert isinstance(read_header(header, found.length - 1), BadHeader)
