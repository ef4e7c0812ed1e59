from __future__ import annotations

from ipaddress import ip_network

from ostiary.config.model import Bounds, Server
from ostiary.proxy.crowd import Crowd


def crowd(limit: int, **networks: str) -> Crowd:
    named = {name: (ip_network(network),) for name, network in networks.items()}
    return Crowd(Server(bounds=Bounds(connections_per_address=limit), **named))


def entered(crowd: Crowd, *addresses: str) -> list[bool]:
    return [crowd.enter(address) for address in addresses]


def test_each_address_has_its_own_count() -> None:
    assert entered(crowd(2), *["192.0.2.1"] * 3, "192.0.2.2") == [True, True, False, True]


def test_who_leaves_makes_room() -> None:
    full = crowd(1)
    assert entered(full, "192.0.2.1", "192.0.2.1") == [True, False]
    full.leave("192.0.2.1")
    assert entered(full, "192.0.2.1", "192.0.2.1") == [True, False]


def test_an_ipv6_network_is_one_client() -> None:
    assert entered(crowd(1), "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [True, False, True]


def test_proxies_that_are_named_are_not_counted() -> None:
    free = crowd(1, trusted_proxies="192.0.2.0/24", tls_terminated_by="198.51.100.7/32")
    assert entered(free, *["192.0.2.9"] * 3, *["198.51.100.7"] * 3) == [True] * 6
    free.leave("192.0.2.9")
    assert entered(free, "203.0.113.1", "203.0.113.1") == [True, False]


def test_nothing_is_kept_of_those_who_left() -> None:
    empty = crowd(10)
    for last in range(100):
        empty.enter(f"192.0.2.{last}")
        empty.leave(f"192.0.2.{last}")
    assert empty._counts == {}
