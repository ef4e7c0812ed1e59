"""Request ids: never the same twice, and taken over only if harmless anywhere they are written."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest

from ostiary.http.request_id import id_fields, is_request_id, new_request_id


def test_new_ids_are_unique_and_well_formed() -> None:
    ids = [new_request_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rb"[0-9a-f]{32}", made) and is_request_id(made) for made in ids)


def test_neighbours_do_not_tell_their_order() -> None:
    numbers = [int(new_request_id()[16:], 16) for _ in range(1000)]
    rises = sum(a < b for a, b in itertools.pairwise(numbers))
    assert 200 < rises < 800


def test_processes_do_not_share_ids() -> None:
    code = "from ostiary.http.request_id import new_request_id; print(new_request_id().decode()[:16])"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert other.stdout.strip() != new_request_id().decode()[:16]


@pytest.mark.parametrize(
    "names, lines",
    [
        (("X-Request-Id", "X-Correlation-Id"), b"X-Request-Id: 1\r\nX-Correlation-Id: 2\r\n"),
        (("X-Trace", None), b"X-Trace: 1\r\n"),
        ((None, "X-Trace"), b"X-Trace: 2\r\n"),
        ((None, None), b""),
    ],
)
def test_they_go_by_the_names_they_are_given(names: tuple[str | None, str | None], lines: bytes) -> None:
    assert id_fields(*names) % (b"1", b"2") == lines


@pytest.mark.parametrize(
    "value",
    [b"a", b"7", b"123e4567-e89b-12d3-a456-426614174000", b"Root=1-67891233-abcdef012345", b"a/b+c=", b"x" * 128],
)
def test_acceptable(value: bytes) -> None:
    assert is_request_id(value)


@pytest.mark.parametrize(
    "value",
    [b"", b"-a", b"=cmd", b"a b", b"a\r\nX-User-Id: admin", b"a\n", b"a\x00", b"a\x1b[31m", b'a"', b"a<b>", b"a;b",
     b"a,b", b"\xc3\xa9", b"${x}", b"x" * 129, b"x" * 10_000],
)  # fmt: skip
def test_not_acceptable(value: bytes) -> None:
    assert not is_request_id(value)
