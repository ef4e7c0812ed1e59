"""Canonical hosts: what is accepted, in which spelling, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http import host as host_module
from ostiary.http.host import canonical_host


@pytest.mark.parametrize(
    "value,name,port",
    [
        (b"example.com", "example.com", None),
        (b"EXAMPLE.Com:8080", "example.com", 8080),
        (b"example.com.", "example.com", None),
        (b"example.com.:80", "example.com", 80),
        (b"example.com:", "example.com", None),
        (b"my_service", "my_service", None),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example", None),
        (b"1and1.example", "1and1.example", None),
        (b"127.0.0.1:1", "127.0.0.1", 1),
        (b"[::1]", "[::1]", None),
        (b"[2001:DB8:0:0::1]:65535", "[2001:db8::1]", 65535),
        (b"a" * 63, "a" * 63, None),
    ],
)
def test_canonical_form(value: bytes, name: str, port: int | None) -> None:
    host = canonical_host(value)
    assert host is not None
    assert (host.name, host.port) == (name, port)
    assert host.raw == (name if port is None else f"{name}:{port}").encode()


@pytest.mark.parametrize(
    "value",
    [
        b"", b".", b"..", b"a..b", b".a", b"a..", b":80", b" a", b"a b", b"a,b", b"a\n", b"a\x00", b"a\xe9", b"a%41",
        b"u@a", b"a/b", b"a\\b", b"a?b", b"a#b", b"a:0", b"a:080", b"a:65536", b"a:123456", b"a:-1", b"a:1:2", b"a:x",
        b"127.1", b"1.2.3", b"1.2.3.4.5", b"256.1.1.1", b"01.2.3.4", b"2130706433", b"0x7f.1", b"0x7f000001", b"a.0x",
        b"::1", b"[::1", b"::1]", b"[::1]a", b"[::1].",
        b"[::1%25eth0]", b"[fe80::1%eth0]", b"[]", b"[v1.a]", b"[1.2.3.4]",
        b"a" * 64, b".".join([b"a" * 63] * 4) + b".aa", b"a." * 5000,
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    assert canonical_host(value) is None


@given(st.from_regex(rb"[A-Za-z0-9_.:\[\]-]{1,30}", fullmatch=True) | st.binary(max_size=40))
def test_canonical_is_idempotent(value: bytes) -> None:
    host = canonical_host(value)
    if host is not None:
        assert canonical_host(host.raw) == host
        assert host.name == host.name.lower()


def test_memory_is_bounded() -> None:
    for number in range(3000):
        assert canonical_host(b"host-%d" % number) is not None
    assert len(host_module._memo) <= host_module._MEMO_ENTRIES
