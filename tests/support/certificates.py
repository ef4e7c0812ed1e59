"""Certificates made when they are wanted: an authority, and what it signs for servers and clients, good or bad."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tests.support.documents import Document

DAY: Final = dt.timedelta(days=1)


def now() -> dt.datetime:
    """The time that certificates are dated by: OpenSSL asks no clock but the system's."""
    return dt.datetime.now(dt.UTC)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key(rsa_bits: int) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())


def _general(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    if "@" in name:
        return x509.RFC822Name(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Pair:
    """A certificate file and its key file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"

    @property
    def section(self) -> Document:
        """As the configuration names them."""
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Authority:
    """Signs certificates. `ca` is the file that others believe it by."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.itself = Pair(folder, name)
        self.ca = self.itself.certificate
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = (
            self._builder(self._name, self._name, self._key, now() - DAY, now() + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write(self.itself, certificate, self._key)

    def issue(
        self,
        file: str,
        *names: str,
        client: bool = False,
        starts: dt.timedelta = -DAY,
        ends: dt.timedelta = 30 * DAY,
        rsa_bits: int = 0,
    ) -> Pair:
        """Sign a certificate for these names, which makes the files `file`.pem and `file`.key, in place of older ones.

        `starts` and `ends` count from now; `client` is what it is for.
        """
        pair, key = Pair(self.folder, file), _key(rsa_bits)
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            self._builder(_name(file), self._name, key, now() + starts, now() + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        _write(pair, certificate, key)
        return pair

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: CertificateIssuerPrivateKeyTypes,
        starts: dt.datetime,
        ends: dt.datetime,
    ) -> x509.CertificateBuilder:
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(own, critical=False)
            .add_extension(authority, critical=False)
        )


def _write(pair: Pair, certificate: x509.Certificate, key: CertificateIssuerPrivateKeyTypes) -> None:
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
