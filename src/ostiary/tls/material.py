"""Certificates, keys and authorities from PEM files, into OpenSSL's contexts, or a reason why not.

The same code judges them when a configuration is checked, when a worker starts and when a file changes.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, Literal

from ostiary.config.files import Unreadable, read_file
from ostiary.config.shown import shown_path

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest file that is read: a bundle of all public authorities is a tenth of it."""

Part = Literal["certificate", "key", "ca"]

_WEAK: Final = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})


class Unusable(OSError):
    """A file that cannot be used. `part` says which; the message repeats nothing of the content."""

    def __init__(self, part: Part, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.part = part
        self.message = message
        self.hint = hint


def load_chain(context: ssl.SSLContext, certificate: str, key: str, wall: float) -> Certificate:
    """Make `context` present the chain in the file `certificate` with the private `key`; return the first of the chain.

    `wall` is the time in Unix seconds at which it must be valid. Raises `Unusable`.
    """
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415  # who serves no TLS does not pay for it

    try:
        leaf = load_pem_x509_certificates(readable("certificate", certificate))[0]
        begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    except ValueError:
        raise Unusable("certificate", "holds no certificate", "PEM: the certificate, then its intermediates") from None
    if not begins <= wall <= ends:
        raise Unusable("certificate", "is not valid yet" if wall < begins else "has expired")
    readable("key", key)
    try:
        context.load_cert_chain(certificate, key, password="")  # not to ask on a terminal for a passphrase
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Unusable("key", "is not the key of the certificate") from None
        if error.reason in _WEAK:
            raise Unusable("certificate", "is too weak", "RSA of at least 2048 bits, or P-256, with SHA-256") from None
        raise Unusable("key", "holds no usable private key", "PEM, without a passphrase") from None
    except OSError as error:
        raise Unusable("key", f"cannot be read: {error.strerror}: {shown_path(key)}") from None
    return leaf


def load_authorities(context: ssl.SSLContext, ca: str) -> None:
    """Make `context` believe what the certificates in the file `ca` have signed, no more. Raises `Unusable`."""
    readable("ca", ca)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise Unusable("ca", "holds no certificate", "PEM: the authorities that are believed") from None
    except OSError as error:
        raise Unusable("ca", f"cannot be read: {error.strerror}: {shown_path(ca)}") from None
    # Whoever names an intermediate authority means that one, not all of its siblings under the root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def readable(part: Part, path: str) -> bytes:
    """The content of a regular file of bounded size. Raises `Unusable`."""
    try:
        return read_file(path, MAX_BYTES)
    except Unreadable as error:
        raise Unusable(part, error.message, error.hint) from None
