"""What trusted proxies say about the caller: an address and a scheme come out of it, or the proxy itself."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from ostiary.http.forwarded import Client, Trusted, from_forwarded, from_x_forwarded

_PROXY: Final = Client("192.0.2.1", b"http")
_STRANGER: Final = Client("198.51.100.1", b"http")
_TRUSTED: Final = Trusted([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])
_SCHEMES: Final = {b"http", b"https"}


def check(data: bytes) -> None:
    """Read `data`, field values a line each, as every field of the two families."""
    values = data.split(b"\n")
    for told in (
        from_x_forwarded(_PROXY, _TRUSTED, values, values, ()),
        from_x_forwarded(_PROXY, _TRUSTED, (), (), values),
        from_forwarded(_PROXY, _TRUSTED, values),
    ):
        assert str(ip_address(told.address)) == told.address
        assert told.scheme in _SCHEMES
    assert from_x_forwarded(_STRANGER, _TRUSTED, values, values, values) == _STRANGER
    assert from_forwarded(_STRANGER, _TRUSTED, values) == _STRANGER
    # What a proxy appends to a caller's lies is what counts, whatever they are.
    appended = [*values, b"203.0.113.9"]
    assert from_x_forwarded(_PROXY, _TRUSTED, appended, (), ()).address == "203.0.113.9"
    assert from_forwarded(_PROXY, _TRUSTED, [*values, b"for=203.0.113.9"]).address in {"203.0.113.9", _PROXY.address}
