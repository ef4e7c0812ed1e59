"""Keys, key sets and tokens for every algorithm, well-formed or deliberately not.

Written on `cryptography` alone, so that it shares no code with what it tests; RFC 7515, 7517, 7518, 8037, 9864.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ASYMMETRIC: Final = (*RSA, "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SYMMETRIC: Final = ("HS256", "HS384", "HS512")
ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "https://api.example"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | bytes

_HASHES: Final[Mapping[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: Final[Mapping[str, type[ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1]]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}
_CURVE_NAMES: Final[Mapping[str, str]] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def b64url(data: bytes) -> str:
    """Encode as unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey(msgspec.Struct, frozen=True):
    """A private key bound to one algorithm."""

    alg: str
    kid: str
    private: PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.alg}, {self.kid})"

    @property
    def jwk(self) -> dict[str, str]:
        """The public JWK; of a secret, the secret."""
        return {**_public(self.private, self.alg), "kid": self.kid, "alg": self.alg, "use": "sig"}

    def signature(self, signing_input: bytes) -> bytes:
        """Sign as the algorithm says."""
        return _sign(self.private, self.alg, signing_input)

    def compact(self, header: Mapping[str, object] | bytes, payload: Mapping[str, object] | bytes) -> str:
        """Return the compact JWS of exactly this header and payload; bytes are taken as they stand."""
        parts = [part if isinstance(part, bytes) else msgspec.json.encode(part) for part in (header, payload)]
        signing_input = ".".join(map(b64url, parts))
        return f"{signing_input}.{b64url(self.signature(signing_input.encode()))}"

    def token(self, header: Mapping[str, object] | None = None, **claims: object) -> str:
        """Return a good access token for `ISSUER` and `AUDIENCE` that lives for five minutes, but for `claims`.

        A claim given as None is left out. `header` adds to or replaces ``alg``, ``kid`` and ``typ``.
        """
        now = int(time.time())
        usual: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300}
        payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return self.compact({"alg": self.alg, "kid": self.kid, "typ": "at+jwt", **(header or {})}, payload)


def new_key(alg: str = "ES256", kid: str | None = None) -> SigningKey:
    """Return a key of its own for `alg`."""
    kid = kid or f"{alg}-{secrets.token_hex(4)}"
    if alg in RSA:
        return SigningKey(alg, kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    if alg in _CURVES:
        return SigningKey(alg, kid, ec.generate_private_key(_CURVES[alg]()))
    if alg in SYMMETRIC:
        return SigningKey(alg, kid, secrets.token_bytes(64))
    return SigningKey(alg, kid, ed25519.Ed25519PrivateKey.generate())


def key(alg: str = "ES256") -> SigningKey:
    """Return the one key for `alg` that all tests of a process share, with the algorithm as its kid."""
    return _shared_key(alg)


@cache
def _shared_key(alg: str) -> SigningKey:
    return new_key(alg, alg)


def jwks(*keys: SigningKey) -> dict[str, object]:
    """Return the key set of `keys`."""
    return {"keys": [each.jwk for each in keys]}


def tampered(token: str) -> str:
    """Return `token` with one bit of its signature turned."""
    signing_input, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[len(raw) // 2] ^= 1
    return f"{signing_input}.{b64url(bytes(raw))}"


def _sign(private: PrivateKey, alg: str, data: bytes) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(data)
    hashed = _HASHES[alg[2:]]
    if isinstance(private, bytes):
        return hmac.digest(private, data, f"sha{alg[2:]}")
    if isinstance(private, rsa.RSAPrivateKey):
        if alg.startswith("PS"):
            return private.sign(data, padding.PSS(padding.MGF1(hashed()), hashed.digest_size), hashed())
        return private.sign(data, padding.PKCS1v15(), hashed())
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashed())))
    size = (private.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _public(private: PrivateKey, alg: str) -> dict[str, str]:
    if isinstance(private, bytes):
        return {"kty": "oct", "k": b64url(private)}
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(private.public_key().public_bytes_raw())}
    if isinstance(private, rsa.RSAPrivateKey):
        public = private.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
    point = private.public_key().public_numbers()
    size = (private.key_size + 7) // 8
    coordinates = {"x": b64url(point.x.to_bytes(size, "big")), "y": b64url(point.y.to_bytes(size, "big"))}
    return {"kty": "EC", "crv": _CURVE_NAMES[alg], **coordinates}


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))
