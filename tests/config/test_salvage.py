from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.references import Folder
from ostiary.config.salvage import Salvage

GOOD = {"name": "good", "match": {"path": "/"}, "upstream": "a"}
UPSTREAMS = {"a": {"targets": ["http://a"]}}


def salvage(document: dict[str, Any], *lost: tuple[str | int, ...]) -> Salvage:
    return Salvage(document, lost, Folder(Path()))


def test_what_is_wrong_is_left_out_and_its_default_stands_in() -> None:
    saved = salvage({"server": {"workers": 0, "listen": "0.0.0.0:1"}, "upstreams": UPSTREAMS, "routes": [GOOD], "x": 1})
    assert saved.config is not None
    assert (saved.config.server.workers, str(saved.config.server.listen)) == ("auto", "0.0.0.0:1")


def test_what_has_no_default_is_stood_in_for() -> None:
    issuer = {"audiences": [], "algorithms": ["RS256", "HS256"], "keys": {"jwks_url": 7}}
    saved = salvage({"issuers": {"a": issuer}, "upstreams": UPSTREAMS, "routes": [GOOD, {"name": "bare"}]})
    assert saved.config is not None
    assert saved.config.issuers["a"].algorithms == ("RS256", "HS256")
    assert saved.config.issuers["a"].keys.jwks_url is not None
    assert [route.name for route in saved.config.routes] == ["good", "bare"]
    assert saved.lost == {
        ("issuers", "a", "issuer"),
        ("issuers", "a", "audiences"),
        ("issuers", "a", "keys", "jwks_url"),
        ("routes", 1, "match"),
        ("routes", 1, "upstream"),
    }


def test_what_nothing_can_stand_in_for_takes_the_mapping_around_it_along() -> None:
    saved = salvage({"store": {"prefix": "p"}, "upstreams": UPSTREAMS, "routes": [GOOD]})
    assert saved.config is not None
    assert saved.config.store is None
    assert saved.lost == {("store",)}


def test_items_of_lists_keep_the_numbers_of_the_document() -> None:
    upstreams = {"a": {"targets": ["nonsense", "http://a", 7, "http://b"]}}
    saved = salvage({"upstreams": upstreams, "routes": [7, {**GOOD, "match": {"path": "/", "methods": [1, "GET"]}}]})
    assert saved.config is not None
    assert saved.config.upstreams["a"].targets == ("http://a", "http://b")
    assert saved.original(("upstreams", "a", "targets", 1)) == ("upstreams", "a", "targets", 3)
    assert saved.original(("routes", 0, "match", "methods", 0)) == ("routes", 1, "match", "methods", 1)
    assert saved.original(("upstreams", "a")) == ("upstreams", "a")


def test_a_list_of_which_nothing_is_left_is_stood_in_for() -> None:
    saved = salvage({"upstreams": {"a": {"targets": [7]}}, "routes": [{**GOOD, "require": {"scopes": [1]}}]})
    assert saved.config is not None
    assert len(saved.config.routes[0].require.scopes) == len(saved.config.upstreams["a"].targets) == 1
    assert ("upstreams", "a", "targets") in saved.lost


def test_a_wrong_name_keeps_what_it_names() -> None:
    tiers = {"t": {"rate": "1/s", "burst": 1}, "u v": {"rate": "1/s", "burst": 2}}
    saved = salvage({"limits": {"l m": {"tiers": tiers}}, "upstreams": UPSTREAMS, "routes": [GOOD]})
    assert saved.config is not None
    assert saved.config.limits["l m"].tiers["u v"].burst == 2
    assert saved.lost == set()


def test_what_is_known_to_be_lost_is_not_looked_at() -> None:
    document = {"upstreams": UPSTREAMS, "routes": [{**GOOD, "limit": "l"}]}
    saved = salvage(document, ("routes", 0, "limit"), ("not", "there"))
    assert saved.config is not None
    assert saved.config.routes[0].limit is None
    assert saved.lost == {("routes", 0, "limit")}


def test_something_is_always_left() -> None:
    """Also of a document that has nothing sound: then there are stand-ins only, whose findings are all void."""
    for document in ({}, {"upstreams": UPSTREAMS, "routes": [{}]}, {"upstreams": 1, "routes": "x"}):
        saved = salvage(document)
        assert saved.config is not None
        assert len(saved.config.routes) == 1


def test_the_document_is_left_as_it_was() -> None:
    document = {"upstreams": UPSTREAMS, "routes": [{}, GOOD]}
    before = msgspec.json.encode(document)
    salvage(document)
    assert msgspec.json.encode(document) == before


ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["name", "match", "path", "a"]), below),
    max_leaves=8,
)


@given(st.lists(st.just(GOOD) | ANYTHING, max_size=5), ANYTHING)
def test_the_good_routes_of_any_document_are_saved(routes: list[object], server: object) -> None:
    try:
        saved = salvage({"upstreams": UPSTREAMS, "routes": routes, "server": server, "y": 1})
    except RecursionError:
        raise AssertionError from None
    assert saved.config is not None
    places = {saved.original(("routes", place))[1]: route for place, route in enumerate(saved.config.routes)}
    assert all(places[index].name == "good" for index, route in enumerate(routes) if route == GOOD)
