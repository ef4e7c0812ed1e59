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
            hint = "give each route its own"
            yield Finding((*path, "name"), "is the name of an earlier route, too", hint, (("routes", first, "name"),))
        yield from _references(route, path, names)
        yield from _admission(route, path, config)
        yield from _websockets(route, path)
        yield from _pattern(config, index, met)


def _references(route: Route, path: Path, names: Names) -> Iterator[Finding]:
    referred = [((*path, "upstream"), "upstreams", route.upstream), ((*path, "limit"), "limits", route.limit)]
    referred += [((*path, "issuers", place), "issuers", name) for place, name in enumerate(route.issuers or ())]
    for place, section, name in referred:
        known = getattr(names, section)
        if name is not None and name not in known:
            yield unknown(place, name, known, section.removesuffix("s"))._replace(rests_on=((section, name),))


def _admission(route: Route, path: Path, config: Config) -> Iterator[Finding]:
    """Who can pass, and whether the limit has a bucket for the least of them."""
    require = route.require
    demands = bool(require.scopes or require.claims) or require.any_scope is not None or require.roles is not None
    if route.anonymous and demands:
        yield Finding(
            (*path, "anonymous"),
            "lets callers without a token do what a token must be fit for",
            "remove anonymous, or require",
        )
    if not route.anonymous and route.issuers is None and not config.issuers:
        hint = "configure an issuer, or let everybody pass with anonymous: true"
        what = "are all issuers, and there are none, so that nobody can pass"
        yield Finding((*path, "issuers"), what, hint, (("issuers",), (*path, "anonymous")))
    for place, rule in enumerate(require.claims):
        if (rule.one_of is None) == (rule.domain is None):
            at = (*path, "require", "claims", place)
            yield Finding(at, "has not exactly one of one_of and domain", "", ((*at, "one_of"), (*at, "domain")))
    limit = config.limits.get(route.limit or "")
    if limit is None:
        return
    tokens = config.issuers if route.issuers is None else route.issuers
    if limit.key == "client_address" and (tokens or not route.anonymous):
        yield Finding(
            (*path, "limit"),
            "counts by address alone, and the route takes tokens: callers would share a bucket who are not one",
            "use a limit with key: identity; or let nobody in by token: anonymous: true, issuers: []",
            () if route.issuers else ((*path, "issuers" if tokens else "anonymous"),),
        )
    least = "anonymous" if route.anonymous else config.tiers.names[0]
    if limit.tiers.keys().isdisjoint({"anonymous", least}):
        yield Finding(
            (*path, "limit"),
            f"has no bucket for {key(least)} callers, who may come here",
            f"give the limit a bucket for {key(least)}: higher tiers without one take it, too",
            ((*path, "anonymous"),) if route.anonymous else ((*path, "anonymous"), ("tiers", "names")),
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
    pattern: Pattern | None = None
    try:
        pattern = parse(route.match.path)
    except BadPattern as error:
        yield Finding((*path, "path"), f"is not a path pattern: {error}")
    taken: set[int] = set()
    for place, text in enumerate(route.match.hosts):
        try:
            host = parse_host(text)
        except BadPattern as error:
            yield Finding((*path, "hosts", place), f"is not a host pattern: {error}")
            continue
        for method in route.match.methods or (None,):
            if pattern is not None:
                taken.add(met.setdefault((host, pattern, method), index))
        if route.match.hosts.index(text) != place:
            yield Finding((*path, "hosts", place), "is there twice")
    if route.match.methods is not None and len(set(route.match.methods)) < len(route.match.methods):
        yield Finding((*path, "methods"), "names a method twice")
    for other in sorted(taken - {index}):
        rests_on = (*_defaults(config, index), *_defaults(config, other))
        yield Finding(
            path,
            f"matches what {key(config.routes[other].name)} matches already",
            "remove one of the two, or tell them apart by host, path or method",
            rests_on,
        )


def _defaults(config: Config, index: int) -> list[Path]:
    """What a route's match leaves out."""
    match = config.routes[index].match
    return [("routes", index, "match", field) for field in type(match).model_fields.keys() - match.model_fields_set]
