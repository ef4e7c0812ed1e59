from __future__ import annotations

import socket

import pytest

from ostiary.config.scalars import Endpoint
from ostiary.serve.reservation import Reservation


def listener(port: int, *, share: bool) -> socket.socket:
    sock = socket.socket()
    if share:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()
    return sock


def test_a_port_is_chosen_and_workers_can_share_it() -> None:
    reservation = Reservation(Endpoint("127.0.0.1", 0))
    port = reservation.endpoint.port
    assert port > 0
    with (
        listener(port, share=True) as one,
        listener(port, share=True),
        socket.create_connection(("127.0.0.1", port), timeout=5),
    ):
        assert one.getsockname()[1] == port
    reservation.close()


def test_nothing_reaches_the_reservation_itself() -> None:
    reservation = Reservation(Endpoint("127.0.0.1", 0))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", reservation.endpoint.port), timeout=5)
    reservation.close()


@pytest.mark.parametrize("share", [False, True])
def test_a_port_in_use_is_refused_even_if_its_owner_would_share(*, share: bool) -> None:
    with listener(0, share=share) as owner, pytest.raises(OSError, match="in use"):
        Reservation(Endpoint("127.0.0.1", owner.getsockname()[1]))


def test_a_port_held_by_another_gateway_is_refused() -> None:
    first = Reservation(Endpoint("127.0.0.1", 0))
    with pytest.raises(OSError, match="in use"):
        Reservation(first.endpoint)
    first.close()
    Reservation(first.endpoint).close()


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        Reservation(Endpoint("192.0.2.1", 0))
