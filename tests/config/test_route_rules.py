from __future__ import annotations

import pytest

from tests.support.configuration import problems, read, sound, told

LIMITS = "{l: {tiers: {free: {rate: 1/s, burst: 1}}}, p: {tiers: {premium: {rate: 1/s, burst: 1}}}}"


def routes(*sections: str) -> str:
    lines = "".join(f"\n  - {{name: r{n}, upstream: api, {section}}}" for n, section in enumerate(sections))
    return sound(routes=lines, limits=LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        routes("match: {path: /a}", "match: {path: /b}"),
        routes("match: {path: /a, methods: [GET]}", "match: {path: /a, methods: [POST]}", "match: {path: /a}"),
        routes("match: {path: /a, hosts: [a.example]}", "match: {path: /a, hosts: ['*.example']}", "match: {path: /a}"),
        routes("match: {path: '/{id}'}", "match: {path: /a}", "match: {path: /**}"),
        routes("match: {path: /a}, issuers: []"),
        routes("match: {path: /a}, websocket: true, origins: [https://app.example.com]"),
        routes("match: {path: /a}, websocket: true, origins: [https://app.example.com], websocket_cookie: __Host-t"),
        routes("match: {path: /a}, limit: l", "match: {path: /b}, anonymous: true"),
        routes("match: {path: /a}, require: {claims: [{claim: a, one_of: [1]}, {claim: b, domain: [x]}]}"),
    ],
)
def test_sound(text: str) -> None:
    read(text)


@pytest.mark.parametrize(
    "text,path,message",
    [
        (routes("match: {path: /a}, issuers: [mian]"), "routes[0].issuers[0]", "names no issuer"),
        (routes("match: {path: /a}, limit: x"), "routes[0].limit", "names no limit"),
        (routes("match: {path: /a}, origins: []"), "routes[0].origins", "are those of WebSockets"),
        (routes("match: {path: /a}, websocket_cookie: t"), "routes[0].websocket_cookie", "is looked at for WebSockets"),
        (
            routes("match: {path: /a}, websocket: true, websocket_cookie: t"),
            "routes[0].websocket_cookie",
            "is sent by browsers for the pages of anybody",
        ),
        (
            routes("match: {path: /a}, upstream: b").replace("upstream: api, ", ""),
            "routes[0].upstream",
            "names no upstream",
        ),
        (routes("match: {path: /a}", "match: {path: /a/}"), "routes[1].match", "matches what r0 matches already"),
        (routes("match: {path: '/{a}'}", "match: {path: '/{b}'}"), "routes[1].match", "matches what r0"),
        (
            routes("match: {path: /a, hosts: [A.example]}", "match: {path: /a, hosts: [b, a.EXAMPLE]}"),
            "routes[1].match",
            "matches what r0",
        ),
        (
            routes("match: {path: /a, methods: [GET, PUT]}", "match: {path: /a, methods: [POST, PUT]}"),
            "routes[1].match",
            "matches what r0",
        ),
        (routes("match: {path: /a, hosts: [a, a]}"), "routes[0].match.hosts[1]", "is there twice"),
        (routes("match: {path: /a, hosts: []}"), "routes[0].match.hosts", "is empty"),
        (routes("match: {path: /a, methods: []}"), "routes[0].match.methods", "is empty"),
        (routes("match: {path: /a, methods: [GET, GET]}"), "routes[0].match.methods", "names a method twice"),
        (routes("match: {path: a}"), "routes[0].match.path", "is not a path pattern"),
        (routes("match: {path: /a/../b}"), "routes[0].match.path", "is not a path pattern"),
        (routes("match: {path: /a;x}"), "routes[0].match.path", "is not a path pattern"),
        (routes("match: {path: /a/*/b}"), "routes[0].match.path", "is not a path pattern"),
        (routes("match: {path: /a, hosts: ['a:80']}"), "routes[0].match.hosts[0]", "is not a host pattern"),
        (routes("match: {path: /a, hosts: ['*a']}"), "routes[0].match.hosts[0]", "is not a host pattern"),
        (
            routes("match: {path: /a}, anonymous: true, require: {scopes: [a]}"),
            "routes[0].anonymous",
            "lets callers without a token",
        ),
        (
            routes("match: {path: /a}, anonymous: true, require: {roles: []}"),
            "routes[0].anonymous",
            "lets callers without a token",
        ),
        (routes("match: {path: /a}, limit: p"), "routes[0].limit", "has no bucket for free callers"),
        (routes("match: {path: /a}, anonymous: true, limit: l"), "routes[0].limit", "has no bucket for anonymous"),
        (
            routes("match: {path: /a}, require: {claims: [{claim: a}]}"),
            "routes[0].require.claims[0]",
            "not exactly one",
        ),
        (
            routes("match: {path: /a}, require: {claims: [{claim: a, one_of: [1], domain: [x]}]}"),
            "routes[0].require.claims[0]",
            "not exactly one",
        ),
    ],
)
def test_refused(text: str, path: str, message: str) -> None:
    (problem,) = problems(text)
    assert problem.path == path
    assert message in problem.message


BY_ADDRESS = "{l: {key: client_address, tiers: {anonymous: {rate: 1/s, burst: 1}}}}"


def by_address(route: str, **sections: str) -> str:
    routes = f"[{{name: r, match: {{path: /}}, upstream: api, limit: l{route}}}]"
    return sound(limits=BY_ADDRESS, routes=routes, **sections)


@pytest.mark.parametrize("route", ["", ", anonymous: true", ", issuers: [main]", ", anonymous: true, issuers: [main]"])
def test_who_shows_a_token_is_not_counted_by_address_alone(route: str) -> None:
    (problem,) = problems(by_address(route))
    assert problem.path == "routes[0].limit"
    assert "counts by address alone" in problem.message
    assert "issuers: []" in problem.hint


def test_a_limit_by_address_is_for_routes_without_tokens() -> None:
    assert not told(by_address(", anonymous: true, issuers: []"))
    assert not told(by_address(", anonymous: true", issuers="{}"))


def test_names_are_given_once() -> None:
    text = routes("match: {path: /a}", "match: {path: /b}").replace("r1", "r0")
    assert told(text) == {"routes[1].name": "is the name of an earlier route, too"}


def test_somebody_must_be_able_to_pass() -> None:
    assert told(sound(issuers="{}")) == {
        "routes[0].issuers": "are all issuers, and there are none, so that nobody can pass"
    }
    assert not told(sound(issuers="{}", routes="[{name: a, match: {path: /}, upstream: api, anonymous: true}]"))


def test_routes_are_compared_under_their_own_numbers_when_some_are_broken() -> None:
    text = routes("match: 1", "match: {path: /a}", "nonsense: 1, match: {path: /b}", "match: {path: /a}, limit: x")
    assert told(text) == {
        "routes[0].match": "is not a mapping",
        "routes[2].nonsense": "is not a known key",
        "routes[3].limit": "names no limit",
        "routes[3].match": "matches what r1 matches already",
    }
