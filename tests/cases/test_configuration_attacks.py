"""The configuration rows of the attack table, and JSON documents made to confuse parsers, all of which are YAML too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.support.configuration import problems, sound, told

SHARED: Final = Path(__file__).parents[3] / "shared"
JSON: Final = sorted((SHARED / "vectors" / "JSONTestSuite").rglob("*.json"))
STRONG: Final = "2f1c8e0b97a64d35b1e07c5a9d8f3460"


def issuer(**fields: str) -> str:
    section = {"issuer": "https://a.example", "audiences": "[x]", "algorithms": "[RS256]", "keys": "{discovery: true}"}
    section.update(fields)
    return sound(issuers="{a: {" + ", ".join(f"{name}: {value}" for name, value in section.items() if value) + "}}")


ROWS: Final = [
    ("C1", issuer(audiences=""), "issuers.a.audiences"),
    ("C1", issuer(audiences="[]"), "issuers.a.audiences"),
    ("C1", issuer(audiences="['']"), "issuers.a.audiences[0]"),
    ("C1", issuer(issuer=""), "issuers.a.issuer"),
    ("C1", issuer(issuer="''"), "issuers.a.issuer"),
    ("C2", issuer(algorithms="[none]"), "issuers.a.algorithms[0]"),
    ("C2", issuer(algorithms="[RS256, NONE]"), "issuers.a.algorithms[1]"),
    ("C2", issuer(algorithms="[]"), "issuers.a.algorithms"),
    ("C2", issuer(algorithms="[HS256, RS256]", keys=f"{{secret: {STRONG}}}"), "issuers.a.algorithms"),
    ("C2", issuer(algorithms="[HS256]"), "issuers.a.algorithms"),
    ("C3", issuer(keys="{jwks_url: http://keys.example/}"), "issuers.a.keys.jwks_url"),
    ("C3", issuer(keys="{jwks_url: HTTP://keys.example/}"), "issuers.a.keys.jwks_url"),
    ("C3", issuer(issuer="http://login.example"), "issuers.a.issuer"),
    ("C5", issuer(algorithms="[HS256]", keys=f"{{secret: {STRONG[:31]}}}"), "issuers.a.keys.secret"),
    (
        "C5",
        issuer(algorithms="[HS256]", keys="{secret: a-string-secret-at-least-256-bits-long}"),
        "issuers.a.keys.secret",
    ),
    ("C6", sound(tokn_cache="{}"), "tokn_cache"),
    ("C6", issuer(require_aud="false"), "issuers.a.require_aud"),
    ("C6", sound() + "routes: []\n", "routes"),
    ("C9", sound(admin="{listen: '0.0.0.0:9090'}"), "admin.listen"),
]


@pytest.mark.parametrize("text,path", [pytest.param(*row[1:], id=f"{row[0]}-{row[2]}") for row in ROWS])
def test_refused_with_its_place(text: str, path: str) -> None:
    (problem,) = problems(text)
    assert problem.path == path
    assert problem.line > 0


def test_plain_http_has_one_explicit_flag() -> None:
    assert told(issuer(keys="{jwks_url: 'http://keys.example/', allow_insecure_http: true}")) == {}


@pytest.mark.skipif(not JSON, reason="the shared vectors are not here")
@pytest.mark.parametrize("file", JSON, ids=lambda file: file.stem)
def test_any_document_is_refused_with_problems(file: Path) -> None:
    """None of them is a configuration, and as a part of one they do no harm."""
    data = file.read_bytes()
    assert problems(data)
    problems(sound(identity_headers="").encode() + data)
