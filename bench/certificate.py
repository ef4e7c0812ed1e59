"""The certificate that gateways present where TLS is measured: ECDSA P-256, made at start, signed by itself."""

from __future__ import annotations

import datetime as dt
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "api.example.com"


class Certificate(msgspec.Struct, frozen=True):
    """Paths of a certificate and its key."""

    certificate: str
    key: str

    @classmethod
    def generate(cls, folder: Path) -> Certificate:
        """Make both, for `NAME` and 127.0.0.1, in this folder."""
        own = cls(str(folder / "own.pem"), str(folder / "own.key"))
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        now = dt.datetime.now(dt.UTC)
        names = [x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        with open(own.certificate, "wb") as file:  # noqa: PTH123 - paths are text in every configuration
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(own.key, "wb") as file:  # noqa: PTH123 - the same
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        return own

    def client(self) -> ssl.SSLContext:
        """A client that believes it."""
        return ssl.create_default_context(cafile=self.certificate)
