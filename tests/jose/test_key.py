from __future__ import annotations

import math

from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.jwk import public_key
from ostiary.jose.key import Key, KeySet
from tests.support.tokens import key


def _key(base: str, /, **changes: object) -> Key:
    jwk = {name: value for name, value in {**key(base).jwk, **changes}.items() if value is not None}
    return public_key(jwk, list(ALGORITHMS))


def test_a_key_is_not_usable_until_its_source_says_so() -> None:
    assert _key("ES256").usable_until == -math.inf


def test_a_key_verifies_nothing_with_an_algorithm_that_is_not_its_own() -> None:
    signature = key("RS256").signature(b"data")
    assert _key("RS256").verify("RS256", signature, b"data")
    assert not _key("RS256").verify("PS256", signature, b"data")
    assert not _key("RS256").verify("none", b"", b"data")


def test_a_key_shows_no_more_than_its_kind() -> None:
    assert repr(_key("RS256", kid="somebody")) == "<Key RSA RS256>"


def test_candidates_have_the_name_and_fit_the_algorithm() -> None:
    rsa, ec = _key("RS256", kid="same"), _key("ES256", kid="same")
    keys = KeySet([rsa, ec])
    assert keys.candidates("same", "RS256") == (rsa,)
    assert keys.candidates("same", "ES256") == (ec,)
    assert keys.candidates("same", "PS256") == ()
    assert keys.candidates("Same", "ES256") == ()
    assert keys.candidates("", "ES256") == ()


def test_two_keys_of_one_name_and_kind_are_both_candidates() -> None:
    one, two = _key("RS256", kid="same", alg=None), _key("PS256", kid="same", alg=None)
    assert KeySet([one, two]).candidates("same", "RS256") == (one, two)


def test_a_token_without_a_name_may_be_from_any_that_fits() -> None:
    one, two, other = _key("RS256"), _key("RS384", alg=None), _key("ES256")
    keys = KeySet([one, two, other])
    assert keys.candidates(None, "RS256") == (one, two)
    assert keys.candidates(None, "ES256") == (other,)


def test_a_key_without_a_name_is_not_found_by_one() -> None:
    nameless = _key("ES256", kid=None)
    keys = KeySet([nameless])
    assert keys.candidates("ES256", "ES256") == ()
    assert keys.candidates(None, "ES256") == (nameless,)


def test_a_set_may_ignore_names() -> None:
    only = _key("ES256")
    keys = KeySet([only], ignores_kid=True)
    assert keys.candidates("whatever", "ES256") == (only,)
    assert keys.candidates("whatever", "RS256") == ()
