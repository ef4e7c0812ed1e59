"""What stages are given: canonical requests and proved identities, made in the way that the gateway makes them."""

from __future__ import annotations

from typing import Final

import msgspec

from ostiary.authenticate.identity import Identity, IdentityReader
from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.http.forwarded import Trusted
from ostiary.http.headers import HeaderPolicy
from ostiary.http.peer import Peer
from ostiary.http.request import Request, read_request
from tests.support.issuers import issuer

CLIENT: Final = "198.51.100.7"
"""Where the requests come from."""

_POLICY: Final = HeaderPolicy(IdentityHeaders())
_PEER: Final = Peer(CLIENT, b"http", Trusted(()), "x-forwarded")


def request(target: str = "/", *authorization: str, method: str = "GET", host: str = "gateway.example") -> Request:
    """Return the request with these values of Authorization fields."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"Authorization: {value}" for value in authorization)]
    read = read_request("\r\n".join([*lines, "", ""]).encode(), _PEER, _POLICY, Bounds())
    assert read is not None
    assert isinstance(read[0], Request), read[0]
    return read[0]


def identity(**claims: object) -> Identity:
    """Return the identity in these claims of a token of the tests' issuer, whose name is "tests"."""
    found = IdentityReader("tests", issuer()).read(_as_sent({"sub": "alice", **claims}))
    assert isinstance(found, Identity), found
    return found


def _as_sent(claims: dict[str, object]) -> dict[str, object]:
    """What is left of `claims` after a journey in JSON."""
    sent: dict[str, object] = msgspec.json.decode(msgspec.json.encode(claims))
    return sent
