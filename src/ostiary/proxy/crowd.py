"""How many connections each client address has, so that one client cannot have all that a worker takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.http.forwarded import Trusted
from ostiary.limit.limiter import network_of

if TYPE_CHECKING:
    from ostiary.config.model import Server
    from ostiary.http.peer import Peer


class Crowd:
    """The open connections of one worker by their clients' addresses, an IPv6 address counting as its /64.

    Proxies that the configuration names bring the requests of many clients and are not counted. Those that terminate
    TLS are known by the connection that they make: if a PROXY header tells an address of theirs, it is counted.
    """

    def __init__(self, server: Server) -> None:
        self._limit = server.bounds.connections_per_address
        self._trusted = Trusted(server.trusted_proxies)
        self._terminators = Trusted(server.tls_terminated_by)
        self._counts: dict[str, int] = {}

    def enter(self, peer: Peer) -> bool:
        """Count a connection of `peer`; or return False, if there are too many."""
        if self._free(peer):
            return True
        network = network_of(peer.address)
        count = self._counts.get(network, 0)
        if count >= self._limit:
            return False
        self._counts[network] = count + 1
        return True

    def leave(self, peer: Peer) -> None:
        """Forget a connection that `enter` let in."""
        if self._free(peer):
            return
        network = network_of(peer.address)
        count = self._counts[network]
        if count > 1:
            self._counts[network] = count - 1
        else:
            del self._counts[network]

    def _free(self, peer: Peer) -> bool:
        return peer.address in self._trusted or (peer.address == peer.sender and peer.sender in self._terminators)
