"""From a JSON Web Key to a key that verifies (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).

Only what can be used without doubt becomes a key. Everything else raises `UnusableKey` with a reason that repeats
nothing of the key but the name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ostiary.jose import base64url
from ostiary.jose.algorithms import ALGORITHMS, Material
from ostiary.jose.key import Key
from ostiary.jose.roca import is_roca

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_KID_CHARACTERS: Final = 256
_RSA_BITS: Final = range(2048, 8192 + 1)
_RSA_EXPONENTS: Final = range(3, 1 << 32, 2)
_MAX_MEMBER_CHARACTERS: Final = 2048
_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, int]]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
}
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)[::-1]
    for point in (
        f"{0:064x}",
        f"{1:064x}",
        "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7",
        "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
        f"{2**255 - 20:064x}",
        f"{2**255 - 19:064x}",
        f"{2**255 - 18:064x}",
    )
)
"""y of the points of Ed25519 whose order divides 8, the two that are not reduced included: anyone can sign for them."""


class UnusableKey(ValueError):
    """A JWK that is not, or must not be, used; its text says why."""


class PublishedSecret(UnusableKey):
    """A JWK with what only its owner may know: whoever read it can sign."""

    def __init__(self) -> None:
        super().__init__("secret key material is published")


def is_secret(jwk: Mapping[str, object]) -> bool:
    """Whether a JWK has what only its owner may know."""
    return not _SECRET_MEMBERS.isdisjoint(jwk) or jwk.get("kty") == "oct"


def public_key(jwk: object, allowed: Collection[str]) -> Key:
    """Return the key that `jwk` describes, for those of its algorithms that are `allowed`.

    Raises UnusableKey if it is malformed, secret, weak, not for verifying signatures, or has none of these algorithms.
    """
    if not isinstance(jwk, dict):
        raise UnusableKey("not an object")
    if is_secret(jwk):
        raise PublishedSecret
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID_CHARACTERS):
        raise UnusableKey("kid is not a string of at most 256 characters")
    _check_purpose(jwk)
    kty = jwk.get("kty")
    if kty == "RSA":
        crv, material, identity = "", *_rsa(jwk)
    elif kty == "EC":
        crv, material, identity = str(jwk.get("crv")), *_ec(jwk)
    elif kty == "OKP":
        crv, material, identity = "Ed25519", *_okp(jwk)
    else:
        raise UnusableKey("kty is not RSA, EC or OKP")
    fitting = {name for name, algorithm in ALGORITHMS.items() if (algorithm.kty, algorithm.crv) == (kty, crv)}
    if "alg" in jwk:
        if not isinstance(jwk["alg"], str) or jwk["alg"] not in fitting:
            raise UnusableKey("alg is not a signature algorithm of this kind of key")
        fitting = {jwk["alg"]}
    names = tuple(sorted(fitting.intersection(allowed)))
    if not names:
        raise UnusableKey("for none of the configured algorithms")
    verify = {name: ALGORITHMS[name].bind(material) for name in names}
    return Key(kid, kty, verify, (kid, kty, crv, names, identity))


def secret_key(secret: bytes, allowed: Collection[str]) -> Key:
    """Return the key of an issuer that shares `secret` with the gateway.

    Raises UnusableKey if the `allowed` algorithms are not all HS*, or the secret is shorter than the hash of one of
    them: 32, 48 or 64 octets (RFC 7518 section 3.2).
    """
    fitting = [ALGORITHMS[name] for name in allowed]
    if not fitting or any(algorithm.kty != "oct" for algorithm in fitting):
        raise UnusableKey("a shared secret is for HS256, HS384 and HS512 only")
    needed = max(int(algorithm.name[2:]) // 8 for algorithm in fitting)
    if len(secret) < needed:
        raise UnusableKey(f"the secret is shorter than {needed} octets")
    return Key(None, "oct", {algorithm.name: algorithm.bind(secret) for algorithm in fitting}, None)


def _check_purpose(jwk: Mapping[str, object]) -> None:
    """RFC 7517 sections 4.2 and 4.3: a key that says what it is for is for nothing else."""
    if jwk.get("use", "sig") != "sig":
        raise UnusableKey("use is not sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("key_ops does not hold verify")


def _octets(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_MEMBER_CHARACTERS:
        raise UnusableKey(f"{name} is not a string of sensible length")
    try:
        return base64url.decode(text.encode("ascii"))
    except ValueError as error:
        raise UnusableKey(f"{name} is not base64url") from error


def _rsa(jwk: Mapping[str, object]) -> tuple[Material, object]:
    n = int.from_bytes(_octets(jwk, "n"), "big")
    e = int.from_bytes(_octets(jwk, "e"), "big")
    if n.bit_length() not in _RSA_BITS or n % 2 == 0:
        raise UnusableKey("the modulus is not odd and of 2048 to 8192 bits")
    if e not in _RSA_EXPONENTS:
        raise UnusableKey("the exponent is not odd and between 3 and 2**32")
    if is_roca(n):
        raise UnusableKey("the modulus has the ROCA weakness")
    try:
        return rsa.RSAPublicNumbers(e, n).public_key(), (n, e)
    except ValueError as error:
        raise UnusableKey("not an RSA key") from error


def _ec(jwk: Mapping[str, object]) -> tuple[Material, object]:
    curve, size = _CURVES.get(str(jwk.get("crv")), (None, 0))
    if curve is None:
        raise UnusableKey("crv is not P-256, P-384 or P-521")
    x, y = _octets(jwk, "x"), _octets(jwk, "y")
    if not len(x) == len(y) == size:
        raise UnusableKey("x and y are not of the curve's size")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
    try:
        return numbers.public_key(), (x, y)
    except ValueError as error:
        raise UnusableKey("the point is not on the curve") from error


def _okp(jwk: Mapping[str, object]) -> tuple[Material, object]:
    if jwk.get("crv") != "Ed25519":
        raise UnusableKey("crv is not Ed25519")
    x = _octets(jwk, "x")
    if len(x) != 32:
        raise UnusableKey("x is not of the curve's size")
    if x[:31] + bytes([x[31] & 0x7F]) in _SMALL_ORDER:
        raise UnusableKey("the point has small order")
    return ed25519.Ed25519PublicKey.from_public_bytes(x), x
