"""The listening address, held by the supervisor so that it is this gateway's alone and outlives any worker."""

from __future__ import annotations

import socket

from ostiary.config.scalars import Endpoint


class Reservation:
    """`endpoint` bound but not listened on; the workers bind it too and share what arrives.

    Raises OSError if the address cannot be bound or is in use, be it by another gateway that would share it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        family, kind, proto, _, address = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # SO_REUSEPORT alone would let two gateways of one user share a port and each refuse the other's tokens.
        with socket.socket(family, kind, proto) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _only_v6(alone)
            alone.bind(address)
        # Without SO_REUSEADDR here, the test above fails for another gateway even while none of our workers listens.
        self._socket = socket.socket(family, kind, proto)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _only_v6(self._socket)
            self._socket.bind(address)
        except OSError:
            self._socket.close()
            raise
        self.endpoint = Endpoint(endpoint.host, self._socket.getsockname()[1])
        """The address with the port that it really has, where 0 was asked for."""

    def close(self) -> None:
        """Give the address back."""
        self._socket.close()


def _only_v6(sock: socket.socket) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
