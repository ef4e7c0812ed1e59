from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ostiary.config.model import Config
from ostiary.config.references import Folder
from ostiary.config.wording import describe, meant


def words(document: dict[str, Any], path: tuple[str | int, ...]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document, context=Folder.__new__(Folder))
    found = [finding for error in caught.value.errors() if (finding := describe(error, document))]
    return next((finding.message, finding.hint) for finding in found if finding.path == path)


@pytest.mark.parametrize(
    "document,path,message,hint",
    [
        ({}, ("routes",), "is missing", "it has no default"),
        ({"rutes": 1}, ("rutes",), "is not a known key", "did you mean routes?"),
        ({"admin": {"zzz": 1}}, ("admin", "zzz"), "is not a known key", "known here: listen, allow_remote"),
        ({"server": 1}, ("server",), "is not a mapping", "write key: value, one a line, indented"),
        ({"issuers": 1}, ("issuers",), "is not a mapping", "write key: value, one a line, indented"),
        ({"routes": 1}, ("routes",), "is not a list", "write [a, b], or one item a line after a dash"),
        ({"routes": []}, ("routes",), "is empty", "it needs at least one item"),
        ({"tiers": {"names": [7]}}, ("tiers", "names", 0), "is not a string", "quote it, if it is meant as one"),
        ({"server": {"timeouts": {"idle": "0s"}}}, ("server", "timeouts", "idle"), "is not more than 0 seconds", ""),
        ({"token_cache": {"entries": -1}}, ("token_cache", "entries"), "is less than 0", ""),
        ({"server": {"bounds": {"header_count": 1001}}}, ("server", "bounds", "header_count"), "is more than 1000", ""),
        (
            {"observe": {"access_log": {"mode": "loud"}}},
            ("observe", "access_log", "mode"),
            "is not one of its possible values",
            "write 'off', 'on' or 'sampled'",
        ),
        *(
            (
                {"issuers": {"a": {"algorithms": [written]}}},
                ("issuers", "a", "algorithms", 0),
                "is not one of its possible values",
                f"did you mean {meant}?",
            )
            for written, meant in {"es256": "ES256", "eddsa": "EdDSA", "RS-256": "RS256"}.items()
        ),
    ],
)
def test_wording(document: dict[str, Any], path: tuple[str | int, ...], message: str, hint: str) -> None:
    assert words(document, path) == (message, hint)


def test_a_list_of_broken_items_is_not_also_too_short() -> None:
    document = {"routes": [7]}
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document)
    found = [describe(error, document) for error in caught.value.errors() if error["loc"][:1] == ("routes",)]
    assert [finding.path for finding in found if finding] == [("routes", 0)]


def test_a_misspelt_key_is_meant_to_be_one_beside_it() -> None:
    assert meant(("server", "timeouts", "idel")) == ("server", "timeouts", "idle")
    assert meant(("server", "timeouts", "nonsense")) is None
