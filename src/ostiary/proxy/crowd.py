"""How many connections each client address has, so that one client cannot have all that a worker takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.http.forwarded import Trusted
from ostiary.limit.limiter import network_of

if TYPE_CHECKING:
    from ostiary.config.model import Server


class Crowd:
    """The open connections of one worker by where they come from, an IPv6 address counting as its /64.

    Proxies that the configuration names bring the connections of many clients and are not counted.
    """

    def __init__(self, server: Server) -> None:
        self._limit = server.bounds.connections_per_address
        self._proxies = Trusted((*server.trusted_proxies, *server.tls_terminated_by))
        self._counts: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Count a connection from `address`, a canonical one; or return False, if there are too many."""
        if address in self._proxies:
            return True
        network = network_of(address)
        count = self._counts.get(network, 0)
        if count >= self._limit:
            return False
        self._counts[network] = count + 1
        return True

    def leave(self, address: str) -> None:
        """Forget a connection that `enter` let in."""
        network = network_of(address)
        count = self._counts.get(network)
        if count is None:
            return
        if count > 1:
            self._counts[network] = count - 1
        else:
            del self._counts[network]
