"""The route table: its precedence, what it refuses, and that its cost does not grow with the routes."""

from __future__ import annotations

import timeit
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Match
from ostiary.routes.pattern import BadPattern, parse
from ostiary.routes.table import DuplicateRoute, RouteTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def table(*paths: str, **hosts: str) -> RouteTable[str]:
    """Return a table of routes for any host, each valued with its own path; and of others by host."""
    entries = [(Match(path=path), path) for path in paths]
    entries += [(Match(hosts=(host,), path="/**"), name) for name, host in hosts.items()]
    return RouteTable(entries)


def matched(paths: Iterable[str], path: str) -> str | None:
    """Return the pattern that wins for `path`."""
    return table(*paths).match("h", "GET", path)


@pytest.mark.parametrize(
    "path,pattern",
    [
        ("/", "/**"),
        ("/x", "/**"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/b", "/a/{x}"),
        ("/a/b/", "/a/{x}"),
        ("/a/b/c", "/**"),
        ("/b", "/b/**"),
        ("/b/", "/b/**"),
        ("/b/c/d", "/b/**"),
        ("/users/me", "/users/me"),
        ("/users/you", "/users/{id}"),
        ("/users/me/posts", "/users/{id}/posts"),
        ("/users/me/keys", "/users/me/keys"),
        ("/users/me/other", "/users/{id}/**"),
        ("/users/you/keys", "/users/{id}/**"),
        ("/users/me/keys/1/2/3/4/5/6/7", "/users/{id}/**"),
    ],
)
def test_the_more_specific_path_wins(path: str, pattern: str) -> None:
    patterns = ["/**", "/a", "/a/{x}", "/b/**", "/users/me", "/users/{id}", "/users/{id}/posts", "/users/me/keys",
                "/users/{id}/**"]  # fmt: skip
    assert matched(patterns, path) == pattern
    assert matched(reversed(patterns), path) == pattern, "whatever the order of the configuration"


@pytest.mark.parametrize("path", ["/ADMIN", "/Admin/x", "/admin/USERS", "/admin/USERS/1", "/aDMIN/"])
def test_no_rule_is_dodged_by_case(path: str) -> None:
    assert matched(["/**", "/admin/**", "/admin/users", "/{x}/{y}/{z}"], path) is None


def test_two_literals_may_differ_in_case() -> None:
    patterns = ["/v/Ab", "/v/aB", "/v/{x}"]
    assert [matched(patterns, path) for path in ("/v/Ab", "/v/aB", "/v/ab", "/v/ba")] == [
        "/v/Ab",
        "/v/aB",
        None,
        "/v/{x}",
    ]


def test_methods_do_not_fall_through_to_a_less_specific_path() -> None:
    routes = RouteTable(
        [
            (Match(path="/**"), "open"),
            (Match(path="/admin", methods=("GET",)), "read"),
            (Match(path="/admin", methods=("POST", "PUT")), "write"),
            (Match(path="/x"), "any"),
            (Match(path="/x", methods=("DELETE",)), "delete"),
        ]
    )
    assert routes.match("h", "GET", "/admin") == "read"
    assert routes.match("h", "PUT", "/admin") == "write"
    assert routes.match("h", "DELETE", "/admin") is None
    assert routes.match("h", "get", "/admin") is None
    assert routes.match("h", "HEAD", "/admin") is None
    assert routes.match("h", "DELETE", "/x") == "delete"
    assert routes.match("h", "WHATEVER", "/x") == "any"


def test_an_empty_list_of_methods_allows_nothing_and_keeps_its_path() -> None:
    closed = Match.model_construct(hosts=("*",), path="/closed", methods=())  # the configuration refuses it as well
    routes = RouteTable([(Match(path="/**"), "open"), (closed, "never")])
    assert routes.match("h", "GET", "/closed") is None
    assert routes.match("h", "GET", "/closed/") is None


@pytest.mark.parametrize(
    "host,name",
    [
        ("api.example.com", "exact"),
        ("example.com", "any"),
        ("x.example.com", "suffix"),
        ("x.y.example.com", "suffix"),
        ("x.eu.example.com", "longer"),
        ("eu.example.com", "suffix"),
        ("notexample.com", "any"),
        ("example.com.evil.test", "any"),
        ("[::1]", "any"),
    ],
)
def test_the_more_specific_host_wins(host: str, name: str) -> None:
    routes = table(any="*", suffix="*.example.com", longer="*.eu.example.com", exact="API.example.com")
    assert routes.match(host, "GET", "/x") == name


def test_a_named_host_has_its_own_routes_only() -> None:
    routes = RouteTable([(Match(path="/open"), 1), (Match(hosts=("a.test", "*.b.test"), path="/mine"), 2)])
    assert [routes.match(host, "GET", "/open") for host in ("a.test", "x.b.test", "c.test")] == [None, None, 1]
    assert [routes.match(host, "GET", "/mine") for host in ("a.test", "x.b.test", "c.test")] == [2, 2, None]


@pytest.mark.parametrize(
    "first,second",
    [
        (Match(path="/a"), Match(path="/a/")),
        (Match(path="/{a}/**"), Match(path="/{b}/**")),
        (Match(path="/a", methods=("GET", "PUT")), Match(path="/a", methods=("PUT",))),
        (Match(path="/a", hosts=("h.test", "g.test")), Match(path="/a", hosts=("G.test.",))),
        (Match(path="/café"), Match(path="/caf%C3%A9")),
    ],
)
def test_duplicates(first: Match, second: Match) -> None:
    with pytest.raises(DuplicateRoute, match="/"):
        RouteTable([(first, 1), (second, 2)])


def test_bad_patterns() -> None:
    with pytest.raises(BadPattern):
        RouteTable([(Match(path="nowhere"), 1)])
    with pytest.raises(BadPattern):
        RouteTable([(Match(path="/", hosts=("a b",)), 1)])


_SEGMENTS = st.sampled_from(["a", "b", "{x}"])
_PATTERNS = st.tuples(st.lists(_SEGMENTS, max_size=4), st.booleans()).map(
    lambda made: "/" + "/".join([*made[0], *(["**"] if made[1] else [])])
)
_PATHS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(lambda made: "/" + "/".join(made))


@given(st.lists(_PATTERNS, max_size=12, unique_by=parse), _PATHS)
def test_agrees_with_the_precedence_as_written(patterns: list[str], path: str) -> None:
    """Compare with the rule read literally: of all patterns that match, the most specific segment by segment."""

    def rank(pattern: str) -> tuple[int, ...] | None:
        segments = [segment for segment in path.split("/") if segment]
        read = parse(pattern)
        if len(segments) < len(read.segments) or (len(segments) > len(read.segments) and not read.rest):
            return None
        pairs = list(zip(read.segments, segments, strict=False))
        if any(wanted not in {None, found} for wanted, found in pairs):
            return None
        return (*(0 if wanted else 1 for wanted, _ in pairs), 2 if read.rest else -1)

    ranked = sorted((found, pattern) for pattern in patterns if (found := rank(pattern)) is not None)
    assert matched(patterns, path) == (ranked[0][1] if ranked else None)


@given(
    st.text(st.sampled_from("/aB%.:~"), max_size=30),
    st.text(max_size=8),
    st.text(st.sampled_from("a.*[]"), max_size=12),
)
def test_any_request_has_an_answer(path: str, method: str, host: str) -> None:
    assert table("/**", "/a/{x}").match(host, method, "/" + path) in {"/**", "/a/{x}", None}


def test_a_path_deeper_than_any_route_costs_little() -> None:
    """Less than taking it apart would, which costs about ten times as much. And so with hosts."""
    routes = table("/{a}/{b}/{c}", "/a/**", wild="*.h")
    deep, host = "/a" * 8192, "x." * 126 + "h"
    assert least(lambda: routes.match("h", "GET", deep)) < least(lambda: deep.split("/"))
    assert least(lambda: routes.match(host, "GET", "/a")) < 100 * least(lambda: host.split("."))


def least(work: Callable[[], object]) -> float:
    """Return the seconds that it takes when nothing comes between: of many times, the least."""
    return min(timeit.repeat(work, number=10, repeat=25))


def test_cost_does_not_grow_with_the_routes() -> None:
    """Interleaved and best-of-many with a generous bound, so that a busy machine does not decide."""

    def routes(count: int) -> RouteTable[int]:
        kinds = ("/service-{}/items", "/service-{}/items/{{id}}", "/service-{}/**")
        return RouteTable((Match(path=kinds[n % 3].format(n)), n) for n in range(count))

    requests = [
        ("h", "GET", path.format(n))
        for n in range(9)
        for path in ("/service-{}/items", "/service-{}/items/7", "/service-{}/a/b/c")
    ]
    small, large = routes(10), routes(10_000)
    found = [[built.match(*request) for request in requests] for built in (small, large)]
    assert found[0] == found[1]

    def cost(built: RouteTable[int]) -> float:
        return timeit.timeit(lambda: [built.match(*request) for request in requests], number=50)

    times = [(cost(small), cost(large)) for _ in range(25)]
    assert min(large for _, large in times) < 1.5 * min(small for small, _ in times)
