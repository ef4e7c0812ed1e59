"""Making keys and signing tokens with them, for development: the gateway itself only ever verifies.

Key files are JWK (RFC 7517) or PEM (PKCS #8); a JWK says its `alg` and `kid`, for a PEM the algorithm has to be said.
"""

from __future__ import annotations

import secrets
import warnings
from typing import TYPE_CHECKING, Any, Final, Self, cast

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

if TYPE_CHECKING:
    from collections.abc import Mapping

Jwk = RSAKey | ECKey | OKPKey | OctKey

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_TYPES: Final[dict[str, type[Jwk]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(_CURVES, ECKey),
    **dict.fromkeys(("EdDSA", "Ed25519"), OKPKey),
    **dict.fromkeys(("HS256", "HS384", "HS512"), OctKey),
}

ALGORITHMS: Final = tuple(_TYPES)
"""What can be signed with."""

_RSA_BITS: Final = 2048
_SECRET_BYTES: Final = 64  # RFC 7518 section 3.2: at least as long as the hash; this suits all three


class KeyProblem(Exception):
    """The key cannot be read, or does not suit the algorithm. The text never repeats the key."""


class SigningKey:
    """A private or shared key, the one algorithm it signs with, and its `kid`."""

    def __init__(self, jwk: Jwk, alg: str, kid: str | None = None) -> None:
        """Take `jwk` for `alg`; without `kid`, its RFC 7638 thumbprint. Raises `KeyProblem` if they do not suit."""
        _check(jwk, alg)
        if not jwk.is_private:
            raise KeyProblem("signing needs the private key; this is a public one")
        self.alg = alg
        self.kid = kid or jwk.thumbprint()
        self._jwk = jwk

    def __repr__(self) -> str:
        return f"SigningKey({self.alg}, kid={self.kid!r})"

    @classmethod
    def generate(cls, alg: str, kid: str | None = None) -> Self:
        """Make a fresh key: RSA of 2048 bits, the curve that the algorithm names, or a secret of 64 random bytes."""
        match _TYPES.get(alg):
            case None:
                raise KeyProblem(f"cannot sign with {alg}; one of {', '.join(ALGORITHMS)} is needed")
            case kind if kind is RSAKey:
                return cls(RSAKey.generate_key(_RSA_BITS), alg, kid)
            case kind if kind is ECKey:
                return cls(ECKey.generate_key(cast("Any", _CURVES[alg])), alg, kid)
            case kind if kind is OKPKey:
                return cls(OKPKey.generate_key("Ed25519"), alg, kid)
            case _:
                # Text, so that the same bytes can stand in a configuration or a secret file.
                return cls(OctKey.import_key(secrets.token_urlsafe(_SECRET_BYTES)), alg, kid)

    @classmethod
    def load(cls, data: bytes, alg: str | None = None, kid: str | None = None) -> Self:
        """Read a JWK or PEM private key; `alg` and `kid` prevail over those of a JWK. Raises `KeyProblem`."""
        return cls(*_read(data, alg, kid))

    def shared_secret(self) -> bytes | None:
        """Return the secret of an HS* key; None for any other."""
        return self._jwk.raw_value if isinstance(self._jwk, OctKey) else None

    def public(self) -> dict[str, object]:
        """Return the public JWK, to be published. A shared secret has none: raises `KeyProblem`."""
        return _published(self._jwk, self.alg, self.kid)

    def private_jwk(self) -> bytes:
        """Return the private JWK as JSON."""
        members = {**self._jwk.as_dict(private=True), "kid": self.kid, "alg": self.alg, "use": "sig"}
        return msgspec.json.format(msgspec.json.encode(members)) + b"\n"

    def private_pem(self) -> bytes:
        """Return the private key as PKCS #8 PEM. A shared secret has none: raises `KeyProblem`."""
        if isinstance(self._jwk, OctKey):
            raise KeyProblem(f"{self.alg} has no PEM form")
        return self._jwk.as_pem(private=True)

    def sign(self, claims: Mapping[str, object], typ: str = "at+jwt") -> str:
        """Return `claims` as a compact JWS (RFC 7515 section 7.1) of this type (RFC 9068 section 2.1 by default)."""
        with warnings.catch_warnings():
            # RFC 9864 deprecates the name EdDSA for Ed25519; providers in the field still use it.
            warnings.simplefilter("ignore", SecurityWarning)
            header = {"alg": self.alg, "kid": self.kid, "typ": typ}
            return jwt.encode(header, dict(claims), self._jwk, algorithms=[self.alg], default_type=None)


def _import(kind: type[Jwk], value: bytes | dict[str, Any]) -> Jwk:
    try:
        return kind.import_key(cast("Any", value))
    except (JoseError, ValueError, TypeError, KeyError):
        # Their texts may quote the key.
        raise KeyProblem("the key cannot be read, or is of another type than its algorithm") from None


def public_jwk(data: bytes, alg: str | None = None, kid: str | None = None) -> dict[str, object]:
    """Return the public JWK of a key in a JWK or PEM, private or public, as it is published.

    `alg` and `kid` prevail over those of a JWK; without any `kid`, it is the RFC 7638 thumbprint. Raises `KeyProblem`.
    """
    jwk, alg, kid = _read(data, alg, kid)
    _check(jwk, alg)
    return _published(jwk, alg, kid or jwk.thumbprint())


def _read(data: bytes, alg: str | None, kid: str | None) -> tuple[Jwk, str, str | None]:
    if data.lstrip().startswith(b"-----BEGIN"):
        if alg is None:
            raise KeyProblem("a PEM key does not say its algorithm; give --alg")
        return _import(_TYPES.get(alg, RSAKey), data), alg, kid
    try:
        members = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        raise KeyProblem("neither a JWK (a JSON object) nor a PEM key") from None
    kind = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}.get(str(members.get("kty")))
    if kind is None:
        raise KeyProblem("the JWK has no known `kty`")
    alg = alg or members.get("alg")
    if not isinstance(alg, str):
        raise KeyProblem("the JWK does not say its `alg`; give --alg")
    return _import(cast("type[Jwk]", kind), members), alg, kid or members.get("kid")


def _check(jwk: Jwk, alg: str) -> None:
    if alg not in _TYPES:
        raise KeyProblem(f"cannot sign with {alg}; one of {', '.join(ALGORITHMS)} is needed")
    if not isinstance(jwk, _TYPES[alg]) or (alg in _CURVES and jwk.get("crv") != _CURVES[alg]):
        raise KeyProblem(f"a key of type {jwk.key_type} does not suit {alg}")


def _published(jwk: Jwk, alg: str, kid: str) -> dict[str, object]:
    if isinstance(jwk, OctKey):
        raise KeyProblem(f"{alg} has no public key")
    return {**jwk.as_dict(private=False), "kid": kid, "alg": alg, "use": "sig"}
