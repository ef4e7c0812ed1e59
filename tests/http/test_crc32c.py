from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.crc32c import crc32c
from tests.support.proxy_headers import checksum


@pytest.mark.parametrize(
    "data,value",
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # this one and those below: RFC 3720 appendix B.4, octets in the order of the wire
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_known_values(data: bytes, value: int) -> None:
    assert crc32c(data) == value


@given(st.binary(max_size=100))
def test_agrees_with_division_bit_by_bit(data: bytes) -> None:
    assert crc32c(data) == checksum(data)
