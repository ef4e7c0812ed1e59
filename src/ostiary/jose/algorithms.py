"""The signature algorithms (RFC 7518 section 3, RFC 8037 section 3.1, RFC 9864) as a table.

There is no ``none`` in it, and no Ed448: a name that is not in the table cannot be verified. An algorithm belongs to
one key type and, for elliptic curves, to one curve, so a key can never be used with an algorithm of another kind.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

Material = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | bytes
"""What verifies: a public key, or the octets of a shared secret."""
Verify = Callable[[bytes, bytes], bool]
"""From signature and signing input to whether they belong together. Never raises."""


class Algorithm(NamedTuple):
    """One entry of the registry: the key it takes, and how a key is made into a verifying function."""

    name: str
    kty: str
    crv: str
    bind: Callable[[Material], Verify]


def _rsa(pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> Callable[[Material], Verify]:
    def bind(material: Material) -> Verify:
        assert isinstance(material, rsa.RSAPublicKey)  # noqa: S101  # the table pairs kty with material
        size = (material.key_size + 7) // 8
        check = material.verify

        def verify(signature: bytes, signing_input: bytes) -> bool:
            if len(signature) != size:
                return False
            try:
                check(signature, signing_input, pad, digest)
            except InvalidSignature:
                return False
            return True

        return verify

    return bind


def _pss(digest: hashes.HashAlgorithm) -> Callable[[Material], Verify]:
    return _rsa(padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)


def _ecdsa(octets: int, digest: hashes.HashAlgorithm) -> Callable[[Material], Verify]:
    """Signatures are R and S, `octets` each (RFC 7518 section 3.4); OpenSSL wants them in DER."""
    scheme = ec.ECDSA(digest)

    def bind(material: Material) -> Verify:
        assert isinstance(material, ec.EllipticCurvePublicKey)  # noqa: S101  # the table pairs kty with material
        check = material.verify

        def verify(signature: bytes, signing_input: bytes) -> bool:
            if len(signature) != 2 * octets:
                return False
            r = int.from_bytes(signature[:octets], "big")
            s = int.from_bytes(signature[octets:], "big")
            try:
                check(encode_dss_signature(r, s), signing_input, scheme)
            except InvalidSignature:
                return False
            return True

        return verify

    return bind


def _eddsa(material: Material) -> Verify:
    assert isinstance(material, ed25519.Ed25519PublicKey)  # noqa: S101  # the table pairs kty with material
    check = material.verify

    def verify(signature: bytes, signing_input: bytes) -> bool:
        try:
            check(signature, signing_input)
        except InvalidSignature:
            return False
        return True

    return verify


def _hmac(digest: str) -> Callable[[Material], Verify]:
    def bind(material: Material) -> Verify:
        assert isinstance(material, bytes)  # noqa: S101  # the table pairs kty with material

        def verify(signature: bytes, signing_input: bytes) -> bool:
            return hmac.compare_digest(hmac.digest(material, signing_input, digest), signature)

        return verify

    return bind


_SHA: Final = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}

ALGORITHMS: Final = {
    algorithm.name: algorithm
    for algorithm in (
        *(Algorithm(f"RS{bits}", "RSA", "", _rsa(padding.PKCS1v15(), sha)) for bits, sha in _SHA.items()),
        *(Algorithm(f"PS{bits}", "RSA", "", _pss(sha)) for bits, sha in _SHA.items()),
        Algorithm("ES256", "EC", "P-256", _ecdsa(32, _SHA[256])),
        Algorithm("ES384", "EC", "P-384", _ecdsa(48, _SHA[384])),
        Algorithm("ES512", "EC", "P-521", _ecdsa(66, _SHA[512])),
        Algorithm("EdDSA", "OKP", "Ed25519", _eddsa),
        Algorithm("Ed25519", "OKP", "Ed25519", _eddsa),
        *(Algorithm(f"HS{bits}", "oct", "", _hmac(f"sha{bits}")) for bits in _SHA),
    )
}
"""By name."""
