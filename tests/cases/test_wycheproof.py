"""The Wycheproof JOSE vectors that concern signatures: publish each group's key, present the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from ostiary.jose import base64url
from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.jwk import UnusableKey, secret_key
from ostiary.jose.jwks import UnusableKeySet, read
from ostiary.jose.key import KeySet
from ostiary.jose.token import MalformedToken, parse
from tests.support.issuers import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER: Final = SHARED / "vectors" / "wycheproof-jose"
_REFUSED: Final = frozenset({
    ("json_web_signature_test.json", 346),  # the key says another algorithm than the token
    ("json_web_signature_test.json", 347),
    ("json_web_signature_test.json", 350),
    ("json_web_signature_test.json", 351),
    ("json_web_signature_test.json", 372),  # a "?" in a segment
    ("json_web_signature_test.json", 373),
    ("json_web_crypto_test.json", 48),  # secrets in a set: here they are configured, one an issuer, and never published
    ("json_web_key_test.json", 2),
})  # fmt: skip
"""Marked valid, and yet not to be accepted."""
_SAME_AS_VALID: Final = frozenset({("json_web_signature_test.json", 367), ("json_web_signature_test.json", 370)})
"""Marked invalid, and yet the same octets as a valid one."""


class Vector(msgspec.Struct, frozen=True):
    """One token, the keys that are published, and whether it is to be accepted."""

    label: str
    jwks: list[dict[str, object]]
    token: str
    valid: bool


def _vectors() -> Iterator[Vector]:
    for file in sorted(_FOLDER.glob("*_test.json")):
        for group in msgspec.json.decode(file.read_bytes())["testGroups"]:
            published = group.get("public") or group["private"]
            for test in group["tests"]:
                if "jws" not in test:
                    continue
                case = (file.name, test["tcId"])
                token = test["jws"] if isinstance(test["jws"], str) else msgspec.json.encode(test["jws"]).decode()
                valid = case in _SAME_AS_VALID or (test["result"] == "valid" and case not in _REFUSED)
                label = f"{file.stem}-{test['tcId']}-{test['comment']}"
                yield Vector(label, published.get("keys", [published]), token, valid)


def _accepts(vector: Vector) -> bool:
    """Do what a gateway would do with these keys published; a lone secret is configured, for none can be published."""
    try:
        if len(vector.jwks) == 1 and vector.jwks[0]["kty"] == "oct":
            jwk = vector.jwks[0]
            secret = base64url.decode(str(jwk["k"]).encode())
            keys = KeySet([secret_key(secret, [str(jwk["alg"])] if jwk["alg"] in ALGORITHMS else [])], ignores_kid=True)
        else:
            keys = KeySet(read(msgspec.json.encode({"keys": vector.jwks}), list(ALGORITHMS), 100)[0])
        token = parse(vector.token.encode())
    except (UnusableKey, UnusableKeySet, MalformedToken):
        return False
    candidates = keys.candidates(token.header.kid, token.header.alg)
    if len(candidates) != 1:
        return False
    return candidates[0].verify(token.header.alg, token.signature, token.signing_input)


@pytest.mark.skipif(not _FOLDER.exists(), reason="the shared vectors are not here")
def test_every_vector_is_there() -> None:
    assert len(list(_vectors())) > 450


@pytest.mark.parametrize("vector", list(_vectors()), ids=lambda vector: vector.label)
def test_vector(vector: Vector) -> None:
    assert _accepts(vector) is vector.valid
