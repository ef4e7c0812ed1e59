"""The JSON Schema of the configuration, for editors; and what it says of the keys at a path."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from ostiary.config.model import Config, IdentityHeaders

if TYPE_CHECKING:
    from pydantic_core import core_schema

    from ostiary.config.problem import Path

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
NULLABLE: Final = frozenset({IdentityHeaders})
"""The sections in which null means something; elsewhere a key without a value is a mistake."""


class _Generator(GenerateJsonSchema):
    """Describes what is written: durations as strings, and no null where it is refused."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        model = schema["cls"]
        defaults = model.model_construct().model_dump(mode="json", warnings=False)
        for name, described in generated.get("properties", {}).items():
            if described.get("default") is not None:
                described["default"] = defaults[name]
            elif "default" in described and model not in NULLABLE:
                del described["default"]
                kinds = [kind for kind in described.pop("anyOf") if kind != {"type": "null"}]
                described.update((kinds[0] if len(kinds) == 1 else {"anyOf": kinds}) | described)
        return generated

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_reference(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_reference(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_reference(super().bool_schema(schema))

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def _or_reference(described: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [described, {"type": "string", "pattern": r"\$\{.+\}"}]}


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration as it is written. Not to be changed: it is shared."""
    generated = Config.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, **generated, "title": "Ostiary configuration"}


def known_keys(path: Path) -> list[str]:
    """The keys that may stand in the section at a path; none if anything may, or nothing is known of it."""
    schema = json_schema()
    definitions = schema["$defs"]
    here: dict[str, Any] = schema
    for step in path:
        if isinstance(step, int):
            here = here.get("items", {})
        else:
            here = here.get("properties", {}).get(step) or here.get("additionalProperties") or {}
        if "$ref" in here:
            here = definitions[here["$ref"].removeprefix("#/$defs/")]
    return list(here.get("properties", {}))
