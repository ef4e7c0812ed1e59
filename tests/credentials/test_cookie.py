from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from string import ascii_letters, digits

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.credentials.cookie import cookie_token, take_cookie
from ostiary.decision.outcome import NOT_MINE, NotMine, Refusal
from ostiary.http.request import Request
from ostiary.http.websocket import BAD_KEY, Handshake
from tests.support.callers import request

NAMES = st.text(ascii_letters + digits + "_-", min_size=1, max_size=8).filter(lambda name: name != "token")
VALUES = st.text("".join(map(chr, [0x21, *range(0x23, 0x2C), *range(0x2D, 0x3B), *range(0x3C, 0x5C)])), min_size=1)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=5)


def found(*values: bytes) -> bytes | NotMine | str:
    token = cookie_token(values, b"token")
    return token.reason.code if isinstance(token, Refusal) else token


def handshake(*cookies: bytes) -> Request:
    """Return a request for a WebSocket with these Cookie fields."""
    wish = Handshake(b"k", (), (), (), b"", (), cookies)
    passed = b"A: b\r\n" + b"".join(b"Cookie: %b\r\n" % value for value in cookies) + b"Z: cookie: token=1; c=d\r\n"
    return msgspec.structs.replace(request(), handshake=wish, passed=passed)


def taken(*cookies: bytes) -> Request:
    asked = take_cookie(handshake(*cookies), b"token")
    assert isinstance(asked, Request), asked
    return asked


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"a=b",),
        (b"tokens=x",),
        (b"Token=x",),
        (b"a=token=x",),
        (b"a=b; c",),
        (b"=x",),
        (b'a="b, c"; d=\xe9',),
    ],
)
def test_other_cookies_are_nobodys_concern(values: tuple[bytes, ...]) -> None:
    assert found(*values) is NOT_MINE


@pytest.mark.parametrize(
    "values",
    [
        (b"token=a.b.c",),
        (b'token="a.b.c"',),
        (b"a=b; token=a.b.c; c=d",),
        (b"a=b", b"token=a.b.c"),
        (b"token=a.b.c", b"c={1, 2}"),
    ],
)
def test_the_token_is_found(values: tuple[bytes, ...]) -> None:
    assert found(*values) == b"a.b.c"


@pytest.mark.parametrize(
    "values",
    [
        (b"token=a; token=a",),
        (b"token=a", b"token=b"),
        (b"token=; token=a",),
        (b'token=a; token="a"',),
        (b"token=a; b=c; token=a",),
    ],
)
def test_more_than_one_is_ambiguous(values: tuple[bytes, ...]) -> None:
    assert found(*values) == "ambiguous_credentials"


@pytest.mark.parametrize(
    "value",
    [
        b"", b";", b"token=a;", b"token=a; ", b"; token=a", b"a=b;token=a", b"a=b;  token=a", b"a=b;\ttoken=a",
        b"token", b"token =a", b"token= a", b"token=a b", b'token="a', b'token=a"', b'token=""a""', b"token=a,b",
        b"token=\xe9", b"token=a\\b", b"a=b; token", b"a=b;;token=a", b"a=b ;token=a",
    ],
)  # fmt: skip
def test_what_can_be_read_in_more_than_one_way_is_refused(value: bytes) -> None:
    """Else the gateway would take for a token what the service takes for something else, or the other way round."""
    assert found(value) == "bad_request"


@pytest.mark.parametrize("value", [b"token=", b'token=""'])
def test_an_empty_one_is_a_bad_token_never_nothing(value: bytes) -> None:
    assert found(value) == "invalid_token"


@given(before=PAIRS, after=PAIRS, token=VALUES, quoted=st.booleans(), apart=st.booleans())
def test_it_is_found_among_others_and_taken_out(
    before: list[tuple[str, str]], after: list[tuple[str, str]], token: str, *, quoted: bool, apart: bool
) -> None:
    parts = [*(f"{name}={value}" for name, value in before), f'token="{token}"' if quoted else f"token={token}"]
    behind = [f"{name}={value}" for name, value in after]
    fields = [parts, behind] if apart and behind else [parts + behind]
    asked = taken(*("; ".join(field).encode() for field in fields))
    assert asked.authorization == (b"Bearer " + token.encode(),)
    lines = asked.passed.decode().split("\r\n")
    left = [pair for line in lines if line.startswith("Cookie: ") for pair in line[8:].split("; ")]
    assert left == [f"{name}={value}" for name, value in (*before, *after)]
    assert [line for line in lines if not line.startswith("Cookie: ")] == ["A: b", "Z: cookie: token=1; c=d", ""]


@given(pairs=PAIRS, token=st.text(ascii_letters + digits + "-_.", min_size=1), quoted=st.booleans())
def test_another_implementation_finds_the_same(pairs: list[tuple[str, str]], token: str, *, quoted: bool) -> None:
    reserved = Morsel._reserved  # type: ignore[attr-defined]  # the words that it reads as attributes of a cookie
    others = [f"{name}={value}" for name, value in pairs if name.lower() not in reserved]
    field = "; ".join([f'token="{token}"' if quoted else f"token={token}", *others])
    assert found(field.encode()) == SimpleCookie(field)["token"].value.encode() == token.encode()


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_whatever_comes_there_is_one_answer(values: list[bytes]) -> None:
    token = found(*values)
    assert isinstance(token, (bytes, NotMine)) or token in {"bad_request", "ambiguous_credentials", "invalid_token"}


def test_nothing_but_a_handshake_has_its_cookies_looked_at() -> None:
    ordinary = msgspec.structs.replace(request(), passed=b"Cookie: token=x\r\n")
    for asked in (ordinary, msgspec.structs.replace(ordinary, handshake=BAD_KEY)):
        assert take_cookie(asked, b"token") is asked
    asked = handshake(b"token=x")
    assert take_cookie(asked, b"") is asked
    assert take_cookie(asked, b"other") is asked


def test_a_line_of_which_nothing_is_left_is_left_out() -> None:
    assert taken(b"token=x").passed == b"A: b\r\nZ: cookie: token=1; c=d\r\n"


def test_a_token_in_another_place_stays_one_of_several() -> None:
    asked = msgspec.structs.replace(handshake(b"token=x"), authorization=(b"Bearer y",))
    shown = take_cookie(asked, b"token")
    assert isinstance(shown, Request)
    assert shown.authorization == (b"Bearer y", b"Bearer x")
