"""Which certificate speaks for which name (RFC 9525 section 6.3, RFC 6066 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from ostiary.tls.material import Unusable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Value = TypeVar("Value")


class Names(Generic[Value]):
    """Values by host name. An exact name goes before a wildcard; of two values for one name the first stays."""

    def __init__(self) -> None:
        self._exact: dict[str, Value] = {}
        self._below: dict[str, Value] = {}

    def add(self, name: str, value: Value) -> None:
        """Let `value` speak for `name`: a host, or ``*.`` and a domain, whatever their case."""
        name = name.lower()
        if name.startswith("*."):
            self._below.setdefault(name[2:], value)
        else:
            self._exact.setdefault(name, value)

    def find(self, name: str) -> Value | None:
        """The value for a lower-case `name`. A wildcard stands for one label, no more and no less."""
        label, _, parent = name.partition(".")
        return self._exact.get(name) or (self._below.get(parent) if label else None)


def dns_names(certificate: Certificate) -> list[str]:
    """The host names of a certificate; none if it is for addresses only.

    Raises `Unusable` if it has no subjectAltName, which is all that clients read: a common name is nobody's name.
    """
    from cryptography import x509  # noqa: PLC0415  # who serves no TLS does not pay for it

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        message = "names no host"
        raise Unusable("certificate", message, "clients read the names in subjectAltName only") from None
    return found.get_values_for_type(x509.DNSName)
