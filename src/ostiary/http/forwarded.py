"""Who the caller is, as far as trusted proxies can tell, and how the upstream is told.

A trusted proxy is believed about its own peer, and about nothing further to the left (law 4): the caller is the
right-most address that is not a trusted proxy's own. Only one family of fields is read, for a proxy that writes one of
them passes the other on as it came, and then it is the caller speaking. For the same reason X-Real-IP and
X-Forwarded-For count only if they do not contradict each other. What is unreadable is where believing ends.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from ostiary.http.host import Host

Address: TypeAlias = str
"""The canonical text of an IP address: what `read_address` returns."""
Scheme: TypeAlias = Literal[b"http", b"https"]
Family: TypeAlias = Literal["x-forwarded", "forwarded", "both"]

_MAX_HOPS: Final = 16
_MAX_NODE: Final = 64
_MEMO_ENTRIES: Final = 4096
_NODE: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_PARAMETER: Final = re.compile(
    rb"[ \t]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)="
    rb"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)|\"((?:[^\"\\]|\\.)*+)\")"
    rb"[ \t]*+(?:([;,])|\Z)",
    re.DOTALL,
)


class Client(msgspec.Struct, frozen=True):
    """Where a request comes from."""

    address: Address
    scheme: Scheme


class Trusted:
    """The proxies that are believed."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)
        self._contains = lru_cache(_MEMO_ENTRIES)(self._look_up)

    def __contains__(self, address: Address) -> bool:
        """Whether `address` is one of theirs."""
        return self._contains(address)

    def _look_up(self, text: Address) -> bool:
        address = ip_address(text)
        return any(address in network for network in self._networks)


def read_address(text: str) -> Address | None:
    """Return the canonical form of the address that `text` writes, alone or with a port (``[::1]:80``), or None.

    An IPv4 address in IPv6's clothes is the IPv4 address: one caller, one name.
    """
    return _read_address(text) if len(text) <= _MAX_NODE else None


@lru_cache(_MEMO_ENTRIES)
def _read_address(text: str) -> Address | None:
    node = _NODE.fullmatch(text)
    try:
        address = ip_address(text if node is None else node.group(1) or node.group(2))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else str(address.ipv4_mapped or address)
    return str(address)


def from_x_forwarded(
    peer: Client, trusted: Trusted, chain: Sequence[bytes], schemes: Sequence[bytes], real_ip: Sequence[bytes]
) -> Client:
    """Return the caller by the values of X-Forwarded-For (where absent, X-Real-IP) and X-Forwarded-Proto.

    Where both are there, X-Real-IP has to name the caller that the chain leads to, or a trusted proxy on the way there
    (which the next one wrote down as its own peer). Otherwise one of them is the caller's own invention, nobody can
    tell which, and the peer stands for whoever is behind it.
    """
    if peer.address not in trusted:
        return peer
    scheme = _scheme(schemes[-1].rpartition(b",")[2] if schemes else b"", peer.scheme)
    hops = reversed(b",".join(chain).rsplit(b",", _MAX_HOPS)) if chain else iter(real_ip[-1:])
    address = peer.address
    way = {address}
    for hop in islice(hops, _MAX_HOPS):
        told = read_address(hop.strip(b" \t").decode("latin-1"))
        if told is None:
            break
        address = told
        way.add(address)
        if address not in trusted:
            break
    if chain and real_ip and read_address(real_ip[-1].strip(b" \t").decode("latin-1")) not in way:
        address = peer.address
    return Client(address, scheme)


def from_forwarded(peer: Client, trusted: Trusted, values: Sequence[bytes]) -> Client:
    """Return the caller by the values of Forwarded (RFC 7239); if they are malformed anywhere, the peer itself."""
    if peer.address not in trusted:
        return peer
    client = peer
    for element in islice(reversed(_elements(b",".join(values))), _MAX_HOPS):
        told = read_address(element.get(b"for", b"").decode("latin-1"))
        if told is None:
            break
        client = Client(told, _scheme(element.get(b"proto", b""), client.scheme))
        if told not in trusted:
            break
    return client


def upstream_fields(client: Client, host: Host, family: Family) -> bytes:
    """Render the header lines that tell the upstream about `client`, each ended by CRLF."""
    address = client.address.encode("ascii")
    lines = b""
    if family != "forwarded":
        lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (
            address, client.scheme, host.raw,
        )  # fmt: skip
    if family != "x-forwarded":
        node = b'"[%b]"' % address if b":" in address else address
        lines += b'Forwarded: for=%b;proto=%b;host="%b"\r\n' % (node, client.scheme, host.raw)
    return lines


def _scheme(told: bytes, otherwise: Scheme) -> Scheme:
    match told.strip(b" \t").lower():
        case b"https":
            return b"https"
        case b"http":
            return b"http"
        case _:
            return otherwise


def _elements(value: bytes) -> list[dict[bytes, bytes]]:
    """Split a Forwarded value into its elements' parameters; no elements at all if any part of it is malformed.

    Only so can a caller's unfinished quotation not swallow, or forge, what the proxy appended to it.
    """
    elements: list[dict[bytes, bytes]] = [{}]
    at = 0
    while at < len(value):
        pair = _PARAMETER.match(value, at)
        if pair is None:
            return []
        name, token, quoted, separator = pair.groups()
        if name.lower() in elements[-1]:
            return []
        elements[-1][name.lower()] = quoted if token is None else token
        if separator == b",":
            elements.append({})
        at = pair.end()
    return elements
