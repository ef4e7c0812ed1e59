from __future__ import annotations

import msgspec
import pytest

from ostiary.jose.jwks import Ignored, UnusableKeySet, events, read
from ostiary.jose.source import KeyEvent
from tests.support.tokens import jwks, key, new_key


def _read(document: object, max_keys: int = 10) -> tuple[list[str | None], list[Ignored]]:
    keys, ignored = read(msgspec.json.encode(document), ["ES256", "RS256"], max_keys)
    return [one.kid for one in keys], ignored


def test_a_bad_key_among_good_ones_is_passed_over_and_told() -> None:
    document = {"keys": [key("RS256").jwk, {"kty": "RSA", "kid": "bad"}, 5, key("ES256").jwk], "more": 1}
    names, ignored = _read(document)
    assert names == ["RS256", "ES256"]
    assert [one.place for one in ignored] == [1, 2]


def test_a_key_listed_twice_is_one_key() -> None:
    assert _read(jwks(key("ES256"), key("ES256"))) == (["ES256"], [])


def test_two_keys_of_one_name_are_two_keys() -> None:
    assert _read(jwks(new_key("ES256", "same"), new_key("ES256", "same"))) == (["same", "same"], [])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b"null",
        b'{"keys":{}}',
        b'{"keys":null}',
        b'{"keys":[]}',
        b'{"keys":[1,2]}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[' + b"[" * 3000 + b"]" * 3000 + b"]}",
        b'{"keys":[' + b",".join([b"{}"] * 11) + b"]}",
    ],
)
def test_a_set_without_a_usable_key_is_no_set(text: bytes) -> None:
    with pytest.raises(UnusableKeySet):
        read(text, ["ES256"], 10)


def test_a_set_may_hold_as_many_keys_as_allowed() -> None:
    keys = [new_key("ES256", str(place)) for place in range(3)]
    assert len(_read(jwks(*keys), max_keys=3)[0]) == 3
    with pytest.raises(UnusableKeySet, match="more than 2"):
        _read(jwks(*keys), max_keys=2)


def test_what_is_told_is_short_however_much_was_ignored() -> None:
    ignored = [Ignored(place, "kty is not RSA, EC or OKP") for place in range(1000)]
    assert list(events("one", ignored[:1])) == [KeyEvent("one", "keys_ignored", "entry 0: kty is not RSA, EC or OKP")]
    (event,) = events("one", ignored)
    assert event.detail.endswith("; and 995 more")
    assert len(event.detail) < 300
    assert list(events("one", [])) == []


def test_published_secrets_are_told_of_by_themselves() -> None:
    _, ignored = _read({"keys": [{}, key("HS256").jwk, {**key("RS256").jwk, "d": "canary"}, key("ES256").jwk]})
    told = [(event.kind, event.detail.count("secret key material")) for event in events("one", ignored)]
    assert told == [("keys_ignored", 2), ("private_key", 2)]
