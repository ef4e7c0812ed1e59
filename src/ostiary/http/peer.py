"""Who is at the other end of a connection, and who is calling through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.forwarded import Client, from_forwarded, from_x_forwarded, upstream_fields
from ostiary.http.headers import Kind
from ostiary.http.request_id import id_fields, is_request_id, new_request_id

if TYPE_CHECKING:
    from ostiary.http.forwarded import Family, Scheme, Trusted
    from ostiary.http.host import Host
    from ostiary.tls.client_certificate import ClientCertificate

_X_FORWARDED: Final = (Kind.FORWARDED_FOR, Kind.REAL_IP)
_ABOUT_OTHERS: Final[dict[Family, tuple[Kind, ...]]] = {
    "x-forwarded": _X_FORWARDED,
    "both": _X_FORWARDED,
    "forwarded": (Kind.FORWARDED,),
}
"""With these a peer speaks for somebody else, even if it cannot be told for whom."""


_IDS: Final = id_fields("X-Request-Id", "X-Correlation-Id")


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who sent one request.

    `address` is canonical text. `request_id` names the request in logs and answers. `fields` are the header lines that
    tell the upstream about both. `certificate` is the one that the caller has proved to hold: never a proxy's own, and
    never one that a header speaks of (law 4).
    """

    address: str
    request_id: bytes
    fields: bytes
    certificate: ClientCertificate | None = None


class Peer:
    """The other end of one client connection. Unless it is trusted, what it says about others is not heard (law 4).

    `ids` is the template of the lines that tell the upstream the ids of a request and of what it belongs to.
    `certificate` is its own, if it has shown one. `server_name` is the only host that it may ask for, if that is bound.
    `sender` is the address that the connection comes from: another one if a proxy of connections has told `address`.
    """

    __slots__ = ("_about", "_client", "_family", "_ids", "_trusted", "address", "certificate", "sender", "server_name")

    def __init__(  # noqa: PLR0913 - what is known of a connection, most of it by default
        self,
        address: str,
        scheme: Scheme,
        trusted: Trusted,
        family: Family,
        certificate: ClientCertificate | None = None,
        server_name: str | None = None,
        sender: str | None = None,
        *,
        ids: bytes = _IDS,
    ) -> None:
        self.address = address
        self.sender = address if sender is None else sender
        self.certificate = certificate
        self.server_name = server_name
        self._client = Client(address, scheme)
        self._family = family
        self._ids = ids
        self._trusted = trusted if address in trusted else None
        self._about: tuple[Host, bytes] | None = None

    def caller(self, told: list[tuple[Kind, bytes]], host: Host) -> Caller:
        """Return who sent the request that `told` these forwarding fields, in their order, and was meant for `host`."""
        if self._trusted is not None and told:
            return self._told_caller(told, host, self._trusted)
        about = self._about
        if about is None or about[0] is not host:
            about = self._about = (host, self._template(self._client, host))
        request_id = new_request_id()
        fields = about[1] % (request_id, request_id)
        return Caller(self.address, request_id, fields, self.certificate)

    def _template(self, client: Client, host: Host) -> bytes:
        """What the upstream is told about a caller, but for the ids."""
        return upstream_fields(client, host, self._family).replace(b"%", b"%%") + self._ids

    def _told_caller(self, told: list[tuple[Kind, bytes]], host: Host, trusted: Trusted) -> Caller:
        values: dict[Kind, list[bytes]] = {}
        for kind, value in told:
            values.setdefault(kind, []).append(value)
        if self._family != "forwarded":
            client = from_x_forwarded(
                self._client,
                trusted,
                values.get(Kind.FORWARDED_FOR, ()),
                values.get(Kind.FORWARDED_PROTO, ()),
                values.get(Kind.REAL_IP, ()),
            )
        else:
            client = from_forwarded(self._client, trusted, values.get(Kind.FORWARDED, ()))
        request_id = _told_id(values.get(Kind.REQUEST_ID)) or new_request_id()
        correlation_id = _told_id(values.get(Kind.CORRELATION_ID)) or request_id
        fields = self._template(client, host) % (request_id, correlation_id)
        own = client == self._client and not any(kind in values for kind in _ABOUT_OTHERS[self._family])
        return Caller(client.address, request_id, fields, self.certificate if own else None)


def _told_id(values: list[bytes] | None) -> bytes | None:
    """The id that a trusted peer gave, if it gave one and a well-formed one."""
    return values[0] if values is not None and len(values) == 1 and is_request_id(values[0]) else None
