from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.token import MAX_BRACKETS, MAX_HEADER_BYTES, MAX_TOKEN_BYTES, Header, MalformedToken, parse
from tests.support.tokens import b64url, key

_GOOD = key("ES256").token(iat=0, exp=1)


def _with_header(**members: object) -> bytes:
    return f"{b64url(msgspec.json.encode(members))}.e30.AA".encode()


def test_a_token_is_taken_apart() -> None:
    token = parse(_GOOD.encode())
    assert token.header == Header("ES256", "ES256", "at+jwt")
    assert msgspec.json.decode(token.payload)["sub"] == "alice"
    assert len(token.signature) == 64
    assert token.signing_input == _GOOD.rpartition(".")[0].encode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "e30",
        "e30.e30",
        ".e30.AA",
        "e30..AA",
        "e30.e30.AA.",
        "e30.e30.AA.AA",
        "e30.e30.AA.AA.AA",
        _GOOD + "=",
        _GOOD + "\n",
        " " + _GOOD,
        _GOOD.replace(".", ".?", 1),
        _GOOD.replace(".", "=.", 1),
        _GOOD.replace(".", "\n.", 1),
        _GOOD.replace(".", "..", 1),
        "\u00e9." + _GOOD,
    ],
)
def test_other_forms_are_refused(token: str) -> None:
    with pytest.raises(MalformedToken):
        parse(token.encode())


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'"alg"',
        b'{"alg":"ES256","alg":"ES256"}',
        b'{"alg":"ES256","\\u0061lg":"none"}',
        b'{"alg":"ES256","x":NaN}',
        b'{"alg":"ES256","x":' + b"1" * 2000 + b"e9999}",
        b'{"alg":"ES256","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"alg":"ES256"}\xff',
    ],
)
def test_a_header_that_is_not_one_object_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedToken):
        parse(f"{b64url(header)}.e30.AA".encode())


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"alg": None},
        {"alg": 1},
        {"alg": ["ES256"]},
        {"alg": "ES256", "kid": 1},
        {"alg": "ES256", "kid": None},
        {"alg": "ES256", "kid": "k" * 257},
        {"alg": "ES256", "typ": None},
        {"alg": "ES256", "crit": []},
        {"alg": "ES256", "crit": ["exp"], "exp": 1},
        {"alg": "ES256", "crit": None},
        {"alg": "ES256", "b64": False},
        {"alg": "ES256", "b64": True, "crit": ["b64"]},
        {"alg": "ES256", "zip": "DEF"},
        {"alg": "dir", "enc": "A128GCM"},
    ],
)
def test_a_header_that_asks_for_something_else_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedToken):
        parse(_with_header(**members))


def test_keys_offered_in_the_header_are_members_like_any_other() -> None:
    header = parse(_with_header(alg="ES256", jku="https://x", x5u="x", jwk={"kty": "oct"}, x5c=["x"])).header
    assert header == Header("ES256", None, "")


@pytest.mark.parametrize(
    "typ, read",
    [("JWT", "jwt"), ("application/AT+jwt", "at+jwt"), ("APPLICATION/jwt", "jwt"), ("", ""), ("text/jwt", "text/jwt")],
)
def test_a_media_type_is_read_in_its_short_form(typ: str, read: str) -> None:
    assert parse(_with_header(alg="ES256", typ=typ)).header.typ == read


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedToken, match="token is too long"):
        parse(b"A" * (MAX_TOKEN_BYTES + 1))
    with pytest.raises(MalformedToken, match="header is too long"):
        parse(b"A" * (MAX_HEADER_BYTES + 1) + b".e30.AA")


def test_a_header_of_many_brackets_is_refused() -> None:
    assert parse(_with_header(alg="ES256", x=[[]] * (MAX_BRACKETS - 2))).header.alg == "ES256"
    with pytest.raises(MalformedToken, match=f"header has more than {MAX_BRACKETS} opening brackets"):
        parse(_with_header(alg="ES256", x=[[]] * (MAX_BRACKETS - 1)))


def test_what_is_refused_is_not_repeated() -> None:
    with pytest.raises(MalformedToken) as caught:
        parse(b"canary.canary.canary!")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=100) | st.text(alphabet="eyJhbGciOi.-_=AZ09", max_size=60).map(str.encode))
def test_nothing_else_is_ever_raised(token: bytes) -> None:
    try:
        parse(token)
    except MalformedToken:
        return
    assert token.count(b".") == 2
