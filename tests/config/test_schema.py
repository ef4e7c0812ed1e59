from __future__ import annotations

import re
from typing import Any

import pytest

from ostiary.config.model import Config, Model
from ostiary.config.schema import DIALECT, json_schema, known_keys


def definition(name: str) -> Any:  # noqa: ANN401 - JSON
    return json_schema()["$defs"][name]["properties"]


def test_every_key_is_described() -> None:
    schema = json_schema()
    bare = [
        f"{name}.{field}"
        for name, section in [("", schema), *schema["$defs"].items()]
        for field, described in section.get("properties", {}).items()
        if not described.get("description")
    ]
    assert bare == []


def test_no_other_keys_are_allowed() -> None:
    assert all(section["additionalProperties"] is False for section in json_schema()["$defs"].values())
    assert json_schema()["additionalProperties"] is False
    assert json_schema()["$schema"] == DIALECT


def test_values_are_described_as_they_are_written() -> None:
    assert definition("Timeouts")["header"]["default"] == "10s"
    assert definition("Timeouts")["header"]["type"] == "string"
    assert definition("Bounds")["body_bytes"]["default"] == "10MiB"
    assert definition("Server")["listen"]["default"] == "127.0.0.1:8080"
    assert definition("Server")["workers"]["default"] == "auto"
    assert json_schema()["properties"]["server"]["default"]["timeouts"]["idle"] == "75s"


def test_numbers_and_flags_may_be_references_too() -> None:
    assert definition("Route")["anonymous"]["anyOf"][0] == {"type": "boolean"}
    whole, reference = definition("Bounds")["header_count"]["anyOf"]
    assert whole == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert re.search(reference["pattern"], "${COUNT}")
    assert re.search(definition("Timeouts")["header"]["pattern"], "${SECONDS:-5}s")


def test_null_is_only_offered_where_it_is_taken() -> None:
    assert {"type": "null"} in definition("IdentityHeaders")["user_id"]["anyOf"]
    assert "anyOf" not in definition("Route")["limit"]
    assert "null" not in str(definition("Keys"))


def test_a_secret_may_be_a_string_or_a_file() -> None:
    kinds = definition("Keys")["secret"]["anyOf"]
    assert [kind["type"] for kind in kinds] == ["string", "object"]


def test_algorithms_are_listed() -> None:
    assert "Ed25519" in str(definition("Issuer")["algorithms"])
    assert "none" not in str(definition("Issuer")["algorithms"])


@pytest.mark.parametrize(
    "path,key",
    [
        ((), "routes"),
        (("routes", 7, "match"), "hosts"),
        (("issuers", "any", "keys"), "jwks_url"),
        (("limits", "any", "tiers", "free"), "burst"),
        (("routes", 0, "require", "claims", 1), "one_of"),
        (("store",), "url"),
        (("server", "bounds"), "header_bytes"),
    ],
)
def test_the_keys_at_a_path(path: tuple[str | int, ...], key: str) -> None:
    assert key in known_keys(path)


@pytest.mark.parametrize(
    "path", [("nonsense",), ("routes", "x"), ("server", "workers", "deeper"), ("issuers", "a", 1, 2)]
)
def test_nothing_is_known_elsewhere(path: tuple[str | int, ...]) -> None:
    assert known_keys(path) == []


def test_the_schema_covers_the_model() -> None:
    def models(model: type[Model]) -> set[str]:
        return {model.__name__} | {name for below in Model.__subclasses__() for name in [below.__name__]}

    assert models(Config) - {"Config", "Model"} == set(json_schema()["$defs"])
