from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ostiary.config.words import CookieName, Domain, HeaderName, Method, Name, Scope, Text, wrong


@pytest.mark.parametrize(
    "kind,text",
    [
        (Text, "a b"),
        (Text, "é"),
        (Name, "orders-v2.read_only"),
        (Name, "9"),
        (Method, "GET"),
        (Method, "M-SEARCH"),
        (HeaderName, "X-User-Id"),
        (HeaderName, "x-scope"),
        (CookieName, "__Host-token"),
        (CookieName, "a.b"),
        (Scope, "orders:read"),
        (Scope, "https://example.com/scope"),
        (Domain, "Corp.example"),
        (Domain, "xn--bcher-kva.example"),
    ],
)
def test_accepted(kind: type[Any], text: str) -> None:
    assert TypeAdapter[Any](kind).validate_python(text) == text


@pytest.mark.parametrize(
    "kind,value",
    [
        *((Text, value) for value in ("", " a", "a\n", "\t", "a" * 4097, 7, None, True)),
        *((Name, value) for value in ("a b", "-a", "é", "a:b", "*", "{x}", "a" * 64, "a\n")),
        *((Method, value) for value in ("get", "Get", "G T", "GET\n", "")),
        *(
            (HeaderName, value)
            for value in ("X_User", "X.User", "X-User:", "X-Üser", "X-User\r\nHost", "X User", ":path")
        ),
        *((CookieName, value) for value in ("a b", "a;", "a=b", 'a"', "é", "", "a" * 65, "a\n")),
        *((Scope, value) for value in ("a b", 'a"b', "a\\b", "é", "")),
        *((Domain, value) for value in ("bücher.example", "\u212aorp.example", "@corp.example", "a b", ".corp", "")),
    ],
)
def test_refused(kind: type[Any], value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Any](kind).validate_python(value)


def test_a_refusal_says_what_and_how_to_mend_it() -> None:
    error = wrong("is {odd}", "write {even}")
    assert (error.message(), error.context) == ("is {odd}", {"message": "is {odd}", "hint": "write {even}"})
