from __future__ import annotations

import pytest

from ostiary.http.status import status_line


@pytest.mark.parametrize(
    "status, line",
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (431, b"HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),  # RFC 9112 section 4: the space stays where there is no phrase
        (999, b"HTTP/1.1 999 \r\n"),
    ],
)
def test_a_status_has_its_registered_phrase_or_none(status: int, line: bytes) -> None:
    assert status_line(status) == line
