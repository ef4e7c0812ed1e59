"""Keys and tokens, made at start: nothing secret is kept, nothing is reused from one run to the next."""

from __future__ import annotations

import base64
import json
import time
from typing import Final, Literal, Self

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Algorithm = Literal["RS256", "ES256", "EdDSA"]

ISSUER: Final = "https://login.example.com/"
AUDIENCE: Final = "orders"
SCOPE: Final = "orders.read"
LIFE: Final = 86_400
"""Seconds: longer than any run."""


def b64(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int) -> str:
    return b64(value.to_bytes(size, "big"))


class SigningKey(msgspec.Struct, frozen=True):
    """One private key, the JWK of its public half (RFC 7517), and what it signs."""

    algorithm: Algorithm
    kid: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    jwk: dict[str, object]

    @classmethod
    def generate(cls, algorithm: Algorithm) -> Self:
        """A new key, of the size that most providers use."""
        kid = f"{algorithm.lower()}-2026-11"
        head: dict[str, object] = {"kid": kid, "alg": algorithm, "use": "sig"}
        if algorithm == "RS256":
            rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            numbers = rsa_key.public_key().public_numbers()
            return cls(algorithm, kid, rsa_key, head | {"kty": "RSA", "n": _number(numbers.n, 256), "e": "AQAB"})
        if algorithm == "ES256":
            ec_key = ec.generate_private_key(ec.SECP256R1())
            point = ec_key.public_key().public_numbers()
            coordinates = {"x": _number(point.x, 32), "y": _number(point.y, 32)}
            return cls(algorithm, kid, ec_key, head | {"kty": "EC", "crv": "P-256"} | coordinates)
        ed_key = ed25519.Ed25519PrivateKey.generate()
        x = b64(ed_key.public_key().public_bytes_raw())
        return cls(algorithm, kid, ed_key, head | {"kty": "OKP", "crv": "Ed25519", "x": x})

    @property
    def jwks(self) -> dict[str, object]:
        """The key set that a gateway is given."""
        return {"keys": [self.jwk]}

    @property
    def public_pem(self) -> bytes:
        """The public key for peers that read no JWKS."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, claims: dict[str, object]) -> str:
        """A compact JWS (RFC 7515 section 7.1) of these claims."""
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"}
        signed = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{signed}.{b64(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)


def claims(caller: int, serial: int = 0) -> dict[str, object]:
    """What the token of one of the callers says; `serial` tells two tokens of one caller apart."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user-{caller:06}",
        "email": f"user{caller:06}@example.com",
        "scope": f"{SCOPE} orders.write",
        "tenant_id": f"t-{caller % 50:02}",
        "tier": "premium",
        "iat": now,
        "exp": now + LIFE,
        "jti": f"{serial:08x}",
    }


def make(key: SigningKey, count: int, callers: int = 500) -> list[str]:
    """`count` different good tokens, of at most `callers` callers."""
    return [key.sign(claims(serial % callers, serial)) for serial in range(count)]


def tampered(token: str) -> str:
    """The same token with one bit of its signature flipped in the middle."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"
