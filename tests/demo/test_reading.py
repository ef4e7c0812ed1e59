from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.demo.reading import LONGEST, Reading, Unreadable, read, times

TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.c2ln"


@pytest.mark.parametrize("text", [TOKEN, f"  {TOKEN}\n", f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
def test_a_token_is_taken_apart(text: str) -> None:
    assert read(text) == Reading({"alg": "none"}, {"sub": "bob"}, 3)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "1 part"),
        ("a.b", "2 part"),
        ("a.b.c.d.e", "JWE"),
        ("a.b.c.d", "4 part"),
        ("a!.e30.", "header is not base64url"),
        ("e30.e30=.", "payload is not base64url"),
        ("e30.a.", "payload is not base64url"),
        ("WzFd.e30.", "header is not a JSON object"),
        ("e30._w.", "payload is not a JSON object"),
        ("e30.e30.*", "signature is not base64url"),
        ("e" * (LONGEST + 1), "longer"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        read(text)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except Unreadable:
        return


def test_times_are_told_from_now() -> None:
    claims = {"exp": 1090, "nbf": 995, "iat": 0, "auth_time": True, "other": 5}
    assert list(times(claims, 1000.0)) == [
        "exp  1970-01-01 00:18:10 UTC  (in 1.5 m)",
        "nbf  1970-01-01 00:16:35 UTC  (5 s ago)",
        "iat  1970-01-01 00:00:00 UTC  (16.7 m ago)",
    ]


def test_an_absurd_time_is_no_trouble() -> None:
    assert list(times({"exp": 1e300}, 0.0)) == [f"exp  beyond any calendar  (in {1e300 / 86400:.1f} d)"]
    assert list(times({"exp": 10**400, "nbf": -(10**400)}, 1.5)) == [
        "exp  beyond any calendar",
        "nbf  beyond any calendar",
    ]
