from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ostiary.config.model import Config
from ostiary.config.references import Folder
from ostiary.config.salvage import Salvage

GOOD = {"name": "good", "match": {"path": "/"}, "upstream": "a"}
UPSTREAMS = {"a": {"targets": ["http://a"]}}


def salvage(document: dict[str, Any]) -> Salvage:
    try:
        Config.model_validate(document, context=Folder(Path()))
    except ValidationError as error:
        return Salvage(document, error, Folder(Path()))
    raise AssertionError(document)


def test_what_is_wrong_is_left_out_and_its_default_stands_in() -> None:
    saved = salvage({"server": {"workers": 0, "listen": "0.0.0.0:1"}, "upstreams": UPSTREAMS, "routes": [GOOD], "x": 1})
    assert saved.config is not None
    assert (saved.config.server.workers, str(saved.config.server.listen)) == ("auto", "0.0.0.0:1")


def test_what_has_no_default_takes_the_mapping_around_it_along() -> None:
    upstreams = {**UPSTREAMS, "b": {"targets": ["nonsense", "http://b"]}}
    saved = salvage({"upstreams": upstreams, "routes": [GOOD, {"name": "no match"}]})
    assert saved.config is not None
    assert list(saved.config.upstreams) == ["a"]
    assert [route.name for route in saved.config.routes] == ["good"]


def test_routes_keep_the_numbers_of_the_document() -> None:
    saved = salvage({"upstreams": UPSTREAMS, "routes": [{}, GOOD, 7, {**GOOD, "name": "last"}]})
    assert saved.original(("routes", 0, "name")) == ("routes", 1, "name")
    assert saved.original(("routes", 1)) == ("routes", 3)
    assert saved.original(("upstreams", "a")) == ("upstreams", "a")


def test_nothing_may_be_left() -> None:
    assert salvage({}).config is None
    assert salvage({"upstreams": UPSTREAMS, "routes": [{}]}).config is None
    assert salvage({"upstreams": 1, "routes": "x"}).config is None


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
    kept = [index for index, route in enumerate(routes) if route == GOOD]
    if kept:
        assert saved.config is not None
        assert [saved.original(("routes", place)) for place in range(len(kept))] == [
            ("routes", index) for index in kept
        ]
