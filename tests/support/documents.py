"""Configurations as plain documents: what an operator would write, with the tests' issuer and ephemeral ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tokens import AUDIENCE, ISSUER, jwks, key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.tokens import SigningKey

Document = dict[str, object]


def issuer(*keys: SigningKey, **others: object) -> Document:
    """Return an issuer section that accepts what `keys` sign, with the key set inline."""
    keys = keys or (key("ES256"), key("RS256"), key("EdDSA"))
    return {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "algorithms": sorted({each.alg for each in keys}),
        "keys": {"inline": jwks(*keys)},
        **others,
    }


def document(upstream: str, *, server: Mapping[str, object] | None = None, **sections: object) -> Document:
    """Return a configuration with one worker in front of `upstream`: every path needs a token of the tests' issuer.

    `sections` replace whole sections, `server` adds to that one.
    """
    return {
        "server": {"listen": "127.0.0.1:0", "workers": 1, **(server or {})},
        "admin": {"listen": "127.0.0.1:0"},
        "issuers": {"tests": issuer()},
        "upstreams": {"api": {"targets": [upstream]}},
        "routes": [{"name": "api", "match": {"path": "/**"}, "upstream": "api"}],
        **sections,
    }
