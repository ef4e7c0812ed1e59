from __future__ import annotations

from typing import get_args

import jwt
import pytest

from bench import tokens


@pytest.mark.parametrize("algorithm", get_args(tokens.Algorithm))
def test_tokens_are_good_and_their_tampered_twins_are_not(algorithm: tokens.Algorithm) -> None:
    key = tokens.SigningKey.generate(algorithm)
    one, other = tokens.make(key, 2, callers=1)
    assert one != other
    public = jwt.PyJWK(key.jwk)
    assert jwt.decode(one, public, audience=tokens.AUDIENCE, issuer=tokens.ISSUER)["sub"] == "user-000000"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(tokens.tampered(one), public, audience=tokens.AUDIENCE)


def test_a_token_is_of_an_ordinary_size() -> None:
    (token,) = tokens.make(tokens.SigningKey.generate("RS256"), 1)
    assert 600 < len(token) < 800
