"""What must hold of routes: that they can be met, that they lead somewhere, that somebody can pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.config.names import Names, unknown
from ostiary.config.problem import Finding, Path, key
from ostiary.routes.pattern import BadPattern, Pattern, parse, parse_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.model import Config, Route


def routes(config: Config, names: Names) -> Iterator[Finding]:
    """Each route by itself, and against those before it."""
    called: dict[str, int] = {}
    met: dict[tuple[str, Pattern, str | None], int] = {}
    for index, route in enumerate(config.routes):
        path = ("routes", index)
        first = called.setdefault(route.name, index)
        if first != index:
            yield Finding((*path, "name"), "is the name of an earlier route, too", "give each route its own")
        yield from _references(route, path, names)
        yield from _admission(route, path, config)
        yield from _websockets(route, path)
        yield from _pattern(config, index, met)


def _references(route: Route, path: Path, names: Names) -> Iterator[Finding]:
    if route.upstream not in names.upstreams:
        yield unknown((*path, "upstream"), route.upstream, names.upstreams, "upstream")
    if route.limit is not None and route.limit not in names.limits:
        yield unknown((*path, "limit"), route.limit, names.limits, "limit")
    for place, issuer in enumerate(route.issuers or ()):
        if issuer not in names.issuers:
            yield unknown((*path, "issuers", place), issuer, names.issuers, "issuer")


def _admission(route: Route, path: Path, config: Config) -> Iterator[Finding]:
    """Who can pass, and whether the limit has a bucket for the least of them."""
    require = route.require
    demands = bool(require.scopes or require.claims) or require.any_scope is not None or require.roles is not None
    if route.anonymous and demands:
        yield Finding(
            (*path, "anonymous"),
            "lets callers without a token do what a token must be fit for",
            "remove anonymous, or require",
            ((*path, "require"),),
        )
    if not route.anonymous and route.issuers is None and not config.issuers:
        hint = "configure an issuer, or let everybody pass with anonymous: true"
        yield Finding(
            (*path, "issuers"), "are all issuers, and there are none, so that nobody can pass", hint, (("issuers",),)
        )
    for place, rule in enumerate(require.claims):
        if (rule.one_of is None) == (rule.domain is None):
            yield Finding((*path, "require", "claims", place), "has not exactly one of one_of and domain")
    limit = config.limits.get(route.limit or "")
    if limit is None:
        return
    tokens = config.issuers if route.issuers is None else route.issuers
    if limit.key == "client_address" and (tokens or not route.anonymous):
        yield Finding(
            (*path, "limit"),
            "counts by address alone, and the route takes tokens: callers would share a bucket who are not one",
            "use a limit with key: identity; or let nobody in by token: anonymous: true, issuers: []",
            (("limits", route.limit or "", "key"), (*path, "anonymous"), (*path, "issuers"), ("issuers",)),
        )
    least = "anonymous" if route.anonymous else config.tiers.names[0]
    if limit.tiers.keys().isdisjoint({"anonymous", least}):
        yield Finding(
            (*path, "limit"),
            f"has no bucket for {key(least)} callers, who may come here",
            f"give the limit a bucket for {key(least)}: higher tiers without one take it, too",
            (("limits", route.limit or ""), ("tiers",), (*path, "anonymous")),
        )


def _websockets(route: Route, path: Path) -> Iterator[Finding]:
    """What is said of WebSockets is said where there are some; and a cookie is no proof of who wants one."""
    hint, there = "set websocket: true, or remove it", ((*path, "websocket"),)
    if route.origins is not None and not route.websocket:
        yield Finding((*path, "origins"), "are those of WebSockets, which are not let through here", hint, there)
    if route.websocket_cookie is None:
        return
    if not route.websocket:
        yield Finding(
            (*path, "websocket_cookie"), "is looked at for WebSockets, which are not let through here", hint, there
        )
    elif route.origins is None:
        yield Finding(
            (*path, "websocket_cookie"),
            "is sent by browsers for the pages of anybody, who could act in the name of their users",
            "list the pages that may open WebSockets: origins: [https://app.example.com]",
            ((*path, "origins"),),
        )


def _pattern(config: Config, index: int, met: dict[tuple[str, Pattern, str | None], int]) -> Iterator[Finding]:
    """Whether requests can reach the route: its patterns can be read, and none before it takes all that it matches."""
    path, route = ("routes", index, "match"), config.routes[index]
    try:
        pattern = parse(route.match.path)
    except BadPattern as error:
        yield Finding((*path, "path"), f"is not a path pattern: {error}")
        return
    taken: set[int] = set()
    for place, text in enumerate(route.match.hosts):
        try:
            host = parse_host(text)
        except BadPattern as error:
            yield Finding((*path, "hosts", place), f"is not a host pattern: {error}")
            continue
        for method in route.match.methods or (None,):
            taken.add(met.setdefault((host, pattern, method), index))
        if route.match.hosts.index(text) != place:
            yield Finding((*path, "hosts", place), "is there twice")
    if route.match.methods is not None and len(set(route.match.methods)) < len(route.match.methods):
        yield Finding((*path, "methods"), "names a method twice")
    for other in sorted(taken - {index}):
        yield Finding(
            path,
            f"matches what {key(config.routes[other].name)} matches already",
            "remove one of the two, or tell them apart by host, path or method",
            (("routes", other, "match"),),
        )
