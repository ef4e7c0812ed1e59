"""Who a client has proved to be in the TLS handshake."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName, SubjectAlternativeName


class ClientCertificate(msgspec.Struct, frozen=True):
    """A client's certificate whose chain and key the handshake has verified.

    Names are as the authority wrote them: compare them whole, and never put them into a header unescaped. Times are
    Unix seconds, both ends included; whoever lets a connection live long compares them again.
    """

    subject: str
    """RFC 4514."""
    issuer: str
    """RFC 4514."""
    serial: int
    fingerprint: str
    """SHA-256 of the DER form, in lower-case hexadecimal."""
    not_before: float
    not_after: float
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    """Among them a SPIFFE ID."""
    emails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def valid(self, wall: float) -> bool:
        """Whether it is, at `wall`."""
        return self.not_before <= wall <= self.not_after


def read_client_certificate(der: bytes) -> ClientCertificate:
    """Read a verified certificate. Raises `ValueError` if OpenSSL and this reading of it disagree."""
    from cryptography import x509  # noqa: PLC0415  # who asks for no certificates does not pay for it

    certificate = x509.load_der_x509_certificate(der)
    names: SubjectAlternativeName | tuple[GeneralName, ...]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = ()
    return ClientCertificate(
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        certificate.serial_number,
        sha256(der).hexdigest(),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        tuple(name.value for name in names if isinstance(name, x509.DNSName)),
        tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)),
        tuple(name.value for name in names if isinstance(name, x509.RFC822Name)),
        tuple(str(name.value) for name in names if isinstance(name, x509.IPAddress)),
    )
