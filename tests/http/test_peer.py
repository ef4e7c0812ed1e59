"""What the other end of a connection is believed, and what the upstream is told about it."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from ostiary.http.forwarded import Trusted
from ostiary.http.headers import Kind
from ostiary.http.host import canonical_host
from ostiary.http.peer import Caller, Peer
from ostiary.http.request_id import id_fields
from ostiary.tls.client_certificate import ClientCertificate

if TYPE_CHECKING:
    from ostiary.http.forwarded import Family

PROXIES = Trusted([ip_network("10.0.0.0/8")])
PROXY, STRANGER = "10.0.0.1", "198.51.100.7"
TOLD = [
    (Kind.FORWARDED_FOR, b"192.0.2.1"),
    (Kind.FORWARDED_PROTO, b"https"),
    (Kind.REQUEST_ID, b"given"),
    (Kind.CORRELATION_ID, b"related"),
]


def caller(address: str, told: list[tuple[Kind, bytes]], family: Family = "x-forwarded") -> Caller:
    """Return who calls through a peer at `address` that tells these fields."""
    host = canonical_host(b"h")
    assert host is not None
    return Peer(address, b"http", PROXIES, family).caller(told, host)


def test_a_trusted_proxy_is_believed() -> None:
    found = caller(PROXY, TOLD)
    assert (found.address, found.request_id) == ("192.0.2.1", b"given")
    assert found.fields == (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"
        b"X-Request-Id: given\r\nX-Correlation-Id: related\r\n"
    )


@pytest.mark.parametrize("told", [TOLD, []])
def test_a_stranger_is_not(told: list[tuple[Kind, bytes]]) -> None:
    found = caller(STRANGER, told)
    assert found.address == STRANGER
    assert re.fullmatch(rb"[0-9a-f]{32}", found.request_id)
    assert found.fields == (
        b"X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"
        b"X-Request-Id: %b\r\nX-Correlation-Id: %b\r\n" % (found.request_id, found.request_id)
    )


@pytest.mark.parametrize(
    "family,told,address",
    [
        ("x-forwarded", [(Kind.FORWARDED, b"for=6.6.6.6")], PROXY),
        ("x-forwarded", [(Kind.FORWARDED, b"for=6.6.6.6"), (Kind.REAL_IP, b"192.0.2.1")], "192.0.2.1"),
        ("both", [(Kind.FORWARDED, b"for=6.6.6.6"), (Kind.FORWARDED_FOR, b"192.0.2.1")], "192.0.2.1"),
        ("forwarded", [(Kind.FORWARDED_FOR, b"6.6.6.6"), (Kind.REAL_IP, b"6.6.6.6")], PROXY),
        ("forwarded", [(Kind.FORWARDED_FOR, b"6.6.6.6"), (Kind.FORWARDED, b"for=192.0.2.1")], "192.0.2.1"),
    ],
)
def test_only_the_configured_family_is_read(family: Family, told: list[tuple[Kind, bytes]], address: str) -> None:
    """A proxy that writes one family passes the other on as the caller sent it."""
    assert caller(PROXY, told, family).address == address


@pytest.mark.parametrize("ids", [[b"a b"], [b"a\r\nX-User-Id: admin"], [b"x" * 10_000], [b"one", b"two"], [b""]])
def test_request_ids_that_are_made_anew(ids: list[bytes]) -> None:
    found = caller(PROXY, [(Kind.REQUEST_ID, value) for value in ids])
    assert re.fullmatch(rb"[0-9a-f]{32}", found.request_id)
    assert b"X-Correlation-Id: %b\r\n" % found.request_id in found.fields


@pytest.mark.parametrize("address", [PROXY, STRANGER])
def test_ids_go_by_configured_names_whatever_the_host(address: str) -> None:
    host = canonical_host(b"[fe80::1]")
    assert host is not None
    peer = Peer(address, b"http", PROXIES, "both", ids=id_fields("X-Trace-Id", None))
    found = peer.caller(TOLD, host)
    assert found.fields.endswith(b"\r\nX-Trace-Id: %b\r\n" % found.request_id)
    assert found.fields.count(b"[fe80::1]") == 2
    assert b"X-Request-Id" not in found.fields


def test_requests_of_one_connection_are_told_apart() -> None:
    peer = Peer(STRANGER, b"http", PROXIES, "x-forwarded")
    hosts = [canonical_host(name) for name in (b"a", b"a", b"b")]
    found = [peer.caller([], host) for host in hosts if host is not None]
    assert len({each.request_id for each in found}) == 3
    assert [re.findall(rb"Host: (.*)\r", each.fields) for each in found] == [[b"a"], [b"a"], [b"b"]]


def test_a_connection_that_is_passed_on_is_its_clients() -> None:
    """Of one that a PROXY header speaks of, the sender has written nothing that stands behind the header."""
    host = canonical_host(b"h")
    assert host is not None
    assert Peer(STRANGER, b"http", PROXIES, "x-forwarded").sender == STRANGER
    passed_on = Peer(STRANGER, b"http", PROXIES, "x-forwarded", sender=PROXY)
    assert passed_on.caller(TOLD, host).address == STRANGER
    assert Peer(PROXY, b"http", PROXIES, "x-forwarded", sender=STRANGER).caller(TOLD, host).address == "192.0.2.1"


def test_a_certificate_is_its_holder_s() -> None:
    """What a proxy proves of itself says nothing of those that it speaks for."""
    host = canonical_host(b"h")
    assert host is not None
    certificate = ClientCertificate("CN=proxy", "CN=ca", 1, "00", 0.0, 1.0)
    peer = Peer(PROXY, b"https", PROXIES, "x-forwarded", certificate)
    assert peer.caller([], host).certificate is certificate
    assert peer.caller(TOLD[2:], host).certificate is certificate
    assert peer.caller(TOLD, host).certificate is None
    for told in (b"unknown", b"192.0.2.1"):
        fields = [(Kind.FORWARDED_FOR, told), (Kind.REAL_IP, b"192.0.2.2")]
        assert peer.caller(fields, host).address == PROXY
        assert peer.caller(fields, host).certificate is None, "nobody knows whose request it is"
        assert peer.caller([(Kind.FORWARDED, told)], host).certificate is certificate, "this family is not read"
    peer = Peer(PROXY, b"https", PROXIES, "forwarded", certificate)
    assert peer.caller([(Kind.FORWARDED, b"for=unknown")], host).certificate is None
