"""Who the caller is: trusted proxies are believed about their peers, nobody else about anything."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.forwarded import (
    Client,
    Family,
    Trusted,
    from_forwarded,
    from_x_forwarded,
    read_address,
    upstream_fields,
)
from ostiary.http.host import canonical_host

TRUSTED = Trusted([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PROXY = Client("10.0.0.1", b"http")
_FORWARDED = b'Forwarded: for="[::1]";proto=https;host="h:80"\r\n'
STRANGER = Client("198.51.100.7", b"http")


def x_caller(*chain: bytes, peer: Client = PROXY) -> str:
    """Return the caller's address by X-Forwarded-For."""
    return from_x_forwarded(peer, TRUSTED, chain, (), ()).address


def caller(*values: bytes, peer: Client = PROXY) -> str:
    """Return the caller's address by Forwarded."""
    return from_forwarded(peer, TRUSTED, values).address


@pytest.mark.parametrize(
    "chain,address",
    [
        ([b"192.0.2.1"], "192.0.2.1"),
        ([b"6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        ([b"6.6.6.6", b"192.0.2.1"], "192.0.2.1"),
        ([b"192.0.2.1, 10.1.1.1 ,\t10.2.2.2"], "192.0.2.1"),
        ([b"192.0.2.1:4711"], "192.0.2.1"),
        ([b"2001:DB8::0:1"], "2001:db8::1"),
        ([b"[2001:db8::1]:4711"], "2001:db8::1"),
        ([b"192.0.2.1, fd00::5"], "192.0.2.1"),
        ([b"::ffff:192.0.2.1"], "192.0.2.1"),
        ([b"10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        # Believing ends at what is unreadable: the last proxy that made sense stands for what is behind it.
        ([b"192.0.2.1, unknown, 10.2.2.2"], "10.2.2.2"),
        ([b"192.0.2.1, , 10.2.2.2"], "10.2.2.2"),
        ([b"unknown"], "10.0.0.1"),
        ([b"192.0.2.1,"], "10.0.0.1"),
        ([b""], "10.0.0.1"),
        ([], "10.0.0.1"),
        ([b"192.0.2.1\xb9"], "10.0.0.1"),
        ([b"fe80::1%eth0"], "10.0.0.1"),
        ([b"010.0.0.1"], "10.0.0.1"),
        ([b"192.0.2.1" + b", 10.0.0.9" * 20], "10.0.0.9"),
    ],
)
def test_x_forwarded_for(chain: list[bytes], address: str) -> None:
    assert x_caller(*chain) == address


@pytest.mark.parametrize(
    "values,address",
    [
        ([b"for=192.0.2.1"], "192.0.2.1"),
        ([b"FOR=192.0.2.1;Proto=https;by=10.0.0.1"], "192.0.2.1"),
        ([b'for="192.0.2.1:80"'], "192.0.2.1"),
        ([b'for="[2001:db8::1]:80"'], "2001:db8::1"),
        ([b"for=6.6.6.6, for=192.0.2.1", b"for=10.2.2.2"], "192.0.2.1"),
        ([b'for=6.6.6.6;by="a, b;c\\"", for=192.0.2.1'], "192.0.2.1"),
        ([b"for=unknown"], "10.0.0.1"),
        ([b"for=_hidden, for=10.2.2.2"], "10.2.2.2"),
        ([b"by=10.2.2.2"], "10.0.0.1"),
        # Malformed anywhere, believed nowhere: an unfinished quotation must not swallow what the proxy appended.
        ([b'for="6.6.6.6, for=192.0.2.1'], "10.0.0.1"),
        ([b'for=6.6.6.6;by=", for="[2001:db8::1]"'], "10.0.0.1"),
        ([b"for=6.6.6.6;for=192.0.2.1"], "10.0.0.1"),
        ([b"for=192.0.2.1;"], "192.0.2.1"),
        ([b"for =192.0.2.1"], "10.0.0.1"),
        ([b"192.0.2.1"], "10.0.0.1"),
        ([b",,"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_forwarded(values: list[bytes], address: str) -> None:
    assert caller(*values) == address


def test_strangers_are_not_heard() -> None:
    assert from_x_forwarded(STRANGER, TRUSTED, (b"10.0.0.1",), (b"https",), (b"10.0.0.1",)) is STRANGER
    assert from_forwarded(STRANGER, TRUSTED, (b"for=10.0.0.1;proto=https",)) is STRANGER
    assert x_caller(b"192.0.2.1", peer=Client("fe80::1", b"http")) == "fe80::1"


def test_real_ip_counts_where_there_is_no_chain() -> None:
    assert from_x_forwarded(PROXY, TRUSTED, (), (), (b"192.0.2.1",)).address == "192.0.2.1"
    assert from_x_forwarded(PROXY, TRUSTED, (b"",), (), (b"192.0.2.1",)).address == "10.0.0.1"


@pytest.mark.parametrize(
    "chain,real_ip,address",
    [
        # nginx writes both: its peer, and the same behind whatever came.
        (b"192.0.2.1", b"192.0.2.1", "192.0.2.1"),
        (b"6.6.6.6, 192.0.2.1", b"192.0.2.1", "192.0.2.1"),
        (b"6.6.6.6, 2001:DB8::1", b" [2001:db8:0::1]:4711", "2001:db8::1"),
        # Several in a row: the last one writes its peer, which is a proxy ...
        (b"6.6.6.6, 192.0.2.1, 10.1.1.1", b"10.1.1.1", "192.0.2.1"),
        (b"192.0.2.1, 10.1.1.1, 10.2.2.2", b"10.2.2.2", "192.0.2.1"),
        # ... or passes on what one before it wrote: its peer, or the client.
        (b"192.0.2.1, 10.1.1.1, 10.2.2.2", b"10.1.1.1", "192.0.2.1"),
        (b"6.6.6.6, 192.0.2.1, 10.1.1.1", b"192.0.2.1", "192.0.2.1"),
        # Everybody is a proxy, as for what runs beside them.
        (b"10.1.1.1", b"10.1.1.1", "10.1.1.1"),
        (b"10.1.1.1, 10.2.2.2", b"10.1.1.1", "10.1.1.1"),
        # A proxy that writes one of them passes the other on as the caller sent it.
        (b"6.6.6.6", b"192.0.2.1", "10.0.0.1"),
        (b"192.0.2.1, 6.6.6.6", b"192.0.2.1", "10.0.0.1"),
        (b"6.6.6.6, 10.1.1.1", b"192.0.2.1", "10.0.0.1"),
        (b"192.0.2.1", b"6.6.6.6", "10.0.0.1"),
        (b"192.0.2.1", b"10.9.9.9", "10.0.0.1"),
        (b"192.0.2.1", b"unknown", "10.0.0.1"),
        (b"192.0.2.1", b"", "10.0.0.1"),
        # Beyond what is unreadable nothing is on the way.
        (b"unknown", b"192.0.2.1", "10.0.0.1"),
        (b"192.0.2.1, unknown, 10.2.2.2", b"192.0.2.1", "10.0.0.1"),
        (b"192.0.2.1, unknown, 10.2.2.2", b"10.2.2.2", "10.2.2.2"),
    ],
)
def test_real_ip_and_the_chain_agree_or_neither_is_believed(chain: bytes, real_ip: bytes, address: str) -> None:
    assert from_x_forwarded(PROXY, TRUSTED, (chain,), (), (real_ip,)).address == address
    assert from_x_forwarded(STRANGER, TRUSTED, (chain,), (), (real_ip,)) is STRANGER


@pytest.mark.parametrize(
    "told,scheme",
    [((), b"http"), ((b"https",), b"https"), ((b"HTTPS ",), b"https"), ((b"http, https",), b"https"),
     ((b"https", b"http"), b"http"), ((b"gopher",), b"http"), ((b"https\r\nX: y",), b"http")],
)  # fmt: skip
def test_scheme(told: tuple[bytes, ...], scheme: bytes) -> None:
    assert from_x_forwarded(PROXY, TRUSTED, (b"192.0.2.1",), told, ()).scheme == scheme
    assert from_forwarded(PROXY, TRUSTED, (b"for=192.0.2.1;proto=https",)).scheme == b"https"


@given(st.ip_addresses())
def test_addresses_have_one_spelling(address: IPv4Address | IPv6Address) -> None:
    canonical = read_address(str(address))
    assert canonical is not None
    assert read_address(canonical) == canonical
    if isinstance(address, IPv4Address):
        assert read_address(f"::ffff:{address}") == read_address(f"[::FFFF:{address}]:80") == canonical
    else:
        assert read_address(address.exploded.upper()) == canonical


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_whatever_is_told_the_answer_is_an_address(values: list[bytes]) -> None:
    for address in (x_caller(*values), caller(*values)):
        assert read_address(str(ip_address(address))) == address


@pytest.mark.parametrize("part", [b",", b"10.0.0.1,", b"for=10.0.0.1,", b'for="', b"a=b;", b"\\", b'"\\', b" ", b"["])
def test_cost_is_bounded(part: bytes) -> None:
    value = part * (16 * 1024 // len(part))
    start = time.process_time()
    x_caller(value)
    caller(value)
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    "family,fields",
    [
        ("x-forwarded", b"X-Forwarded-For: ::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h:80\r\n"),
        ("forwarded", _FORWARDED),
        (
            "both",
            b"X-Forwarded-For: ::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h:80\r\n" + _FORWARDED,
        ),
    ],
)
def test_what_the_upstream_is_told(family: Family, fields: bytes) -> None:
    host = canonical_host(b"H:80")
    assert host is not None
    assert upstream_fields(Client("::1", b"https"), host, family) == fields


def test_what_the_upstream_is_told_can_be_read_back() -> None:
    host = canonical_host(b"h")
    assert host is not None
    for address in ("192.0.2.1", "2001:db8::1"):
        line = upstream_fields(Client(address, b"https"), host, "forwarded")
        value = line.removeprefix(b"Forwarded: ").removesuffix(b"\r\n")
        assert from_forwarded(PROXY, TRUSTED, (value,)) == Client(address, b"https")
