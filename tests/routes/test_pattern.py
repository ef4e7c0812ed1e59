"""Path patterns and hosts as operators write them."""

from __future__ import annotations

import pytest

from ostiary.routes.pattern import BadPattern, Pattern, parse, parse_host


@pytest.mark.parametrize(
    "text,pattern",
    [
        ("/", Pattern((), rest=False)),
        ("/**", Pattern((), rest=True)),
        ("/a/b", Pattern(("a", "b"), rest=False)),
        ("/a/", Pattern(("a",), rest=False)),
        ("/users/{id}", Pattern(("users", None), rest=False)),
        ("/{a}/{b}/**", Pattern((None, None), rest=True)),
        ("/.well-known/x", Pattern((".well-known", "x"), rest=False)),
        ("/café", Pattern(("caf%C3%A9",), rest=False)),
        ("/caf%C3%A9", Pattern(("caf%C3%A9",), rest=False)),
        ("/a%3Fb", Pattern(("a%3Fb",), rest=False)),
        ("/a b", Pattern(("a%20b",), rest=False)),
        ("/a,b@c:d+e", Pattern(("a,b@c:d+e",), rest=False)),
    ],
)
def test_parse(text: str, pattern: Pattern) -> None:
    assert parse(text) == pattern


def test_names_of_parameters_do_not_matter() -> None:
    assert parse("/users/{id}") == parse("/users/{name}/")


@pytest.mark.parametrize(
    "text,advice",
    [
        ("", "begins with /"),
        ("a", "begins with /"),
        ("//a", "empty segment"),
        ("/a//b", "empty segment"),
        ("/a//", "empty segment"),
        ("//", "empty segment"),
        ("/**/a", "final"),
        ("/a/*", "final"),
        ("/a*", "final"),
        ("/a**", "final"),
        ("/{}", "whole segment"),
        ("/a{id}", "whole segment"),
        ("/{id", "whole segment"),
        ("/{id:int}", "whole segment"),
        ("/a;b", "no request matches"),
        ("/a?b", "path only"),
        ("/a#b", "path only"),
        ("/..", "no request matches"),
        ("/a/.", "canonical form"),
        ("/a%2fb", "no request matches"),
        ("/%zz", "no request matches"),
        ("/%41", "write 'A'"),
        ("/%c3%a9", "write '%C3%A9'"),
    ],
)
def test_what_could_not_mean_what_it_seems_to(text: str, advice: str) -> None:
    with pytest.raises(BadPattern, match=advice):
        parse(text)


@pytest.mark.parametrize(
    "text,host",
    [
        ("*", "*"),
        ("Example.COM.", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("[0::1]", "[::1]"),
        ("10.0.0.1",) * 2,
    ],
)
def test_parse_host(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize("text", ["", "**", "*.", "*.*", "a.*", "*a", "a:80", "*.a:80", "a b", "bücher.example", "a/b"])
def test_bad_hosts(text: str) -> None:
    with pytest.raises(BadPattern):
        parse_host(text)
