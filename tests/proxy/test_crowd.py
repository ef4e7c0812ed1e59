from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.config.model import Server
from ostiary.http.forwarded import Trusted
from ostiary.http.peer import Peer
from ostiary.proxy.crowd import Crowd
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path


def crowd(limit: int, **networks: str) -> Crowd:
    named = {name: [network] for name, network in networks.items()}
    return Crowd(Server.model_validate({"bounds": {"connections_per_address": limit}, **named}))


def peer(address: str, sender: str | None = None) -> Peer:
    return Peer(address, b"http", Trusted(()), "x-forwarded", sender=sender)


def entered(crowd: Crowd, *addresses: str, sender: str | None = None) -> list[bool]:
    return [crowd.enter(peer(address, sender)) for address in addresses]


def test_each_address_has_its_own_count() -> None:
    assert entered(crowd(2), *["192.0.2.1"] * 3, "192.0.2.2") == [True, True, False, True]


def test_who_leaves_makes_room() -> None:
    full = crowd(1)
    assert entered(full, "192.0.2.1", "192.0.2.1") == [True, False]
    full.leave(peer("192.0.2.1"))
    assert entered(full, "192.0.2.1", "192.0.2.1") == [True, False]


def test_an_ipv6_network_is_one_client() -> None:
    assert entered(crowd(1), "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [True, False, True]


def test_proxies_that_are_named_are_not_counted() -> None:
    free = crowd(1, trusted_proxies="192.0.2.0/24", tls_terminated_by="198.51.100.7/32")
    assert entered(free, *["192.0.2.9"] * 3, *["198.51.100.7"] * 3) == [True] * 6
    free.leave(peer("192.0.2.9"))
    assert entered(free, "203.0.113.1", "203.0.113.1") == [True, False]


def test_the_address_that_a_proxy_header_tells_is_who_is_counted() -> None:
    one = crowd(1, trusted_proxies="192.0.2.0/24", tls_terminated_by="198.51.100.7/32")
    assert entered(one, "203.0.113.1", "203.0.113.2", "203.0.113.1", sender="198.51.100.7") == [True, True, False]
    assert entered(one, *["192.0.2.9"] * 3, sender="198.51.100.7") == [True] * 3
    # To have one's address in a header does not make one the proxy that terminates TLS.
    assert entered(one, *["198.51.100.7"] * 2, sender="198.51.100.8") == [True, False]
    assert entered(one, *["198.51.100.7"] * 3) == [True] * 3
    for _ in range(3):
        one.leave(peer("198.51.100.7"))
    assert entered(one, "198.51.100.7", sender="198.51.100.8") == [False]
    one.leave(peer("198.51.100.7", "198.51.100.8"))
    assert entered(one, "198.51.100.7", sender="198.51.100.8") == [True]


def test_nothing_is_kept_of_those_who_left() -> None:
    empty = crowd(10)
    for last in range(100):
        empty.enter(peer(f"192.0.2.{last}"))
        empty.leave(peer(f"192.0.2.{last}"))
    assert empty._counts == {}


async def test_connections_beyond_the_bound_are_closed_at_once(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"connections_per_address": 2}}) as gate:
        async with gate.connect() as one, gate.connect() as other:
            assert [(await each.ask("GET", "/")).status for each in (one, other)] == [200, 200]
            async with gate.connect() as third:
                assert await third.ended()
            assert [(await each.ask("GET", "/")).status for each in (one, other)] == [200, 200]
        await gate.settle()
        async with gate.connect() as client:
            assert (await client.ask("GET", "/")).status == 200
        refused = gate.running.metrics.snapshot().values["ostiary_client_connections_refused_total"]
        assert refused == {("worker",): 0, ("address",): 1, ("plain",): 0}
